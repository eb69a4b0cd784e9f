"""Send the broker a message to ourselves: what comes back has gone the whole way."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.talk import Talk


class Echo:
    """On the topic `echo/tidegauge/<thing>`."""

    def __init__(self, talk: "Talk", thing: str) -> None:
        self._topic = "echo/tidegauge/" + thing
        self._publish = talk.publish
        self._number = 0
        self._back = asyncio.Event()
        talk.subscribe(self._topic, self._heard)

    async def went_round(self, timeout_ms: int) -> bool:
        """Send a message; return whether it came back in time."""
        self._number += 1
        self._back.clear()
        if not self._publish(self._topic, "%d" % self._number):
            return False
        try:
            await asyncio.wait_for_ms(self._back.wait(), timeout_ms)  # type: ignore[attr-defined]  # MicroPython's
        except asyncio.TimeoutError:
            return False
        return True

    def _heard(self, _topic: str, payload: "memoryview | None") -> None:
        if payload is not None and bytes(payload) == b"%d" % self._number:
            self._back.set()
