"""The topic each measurement of this thing is published to."""

from tidewire import topic


class Topics:
    """Builds each topic once; calling it with a measurement returns UTF-8 bytes."""

    def __init__(self, site: str, thing: str, basic_ingest: bool) -> None:
        self._site = site
        self._thing = thing
        self._prefix = topic.BASIC_INGEST_PREFIX if basic_ingest else ""
        self._known: dict[str, bytes] = {}

    def __call__(self, measurement: str) -> bytes:
        """Return the topic of `measurement`, prefix included."""
        if measurement not in self._known:
            text = self._prefix + topic.build(self._site, self._thing, measurement)
            self._known[measurement] = text.encode()
        return self._known[measurement]
