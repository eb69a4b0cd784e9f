"""Feed the chip's watchdog while every part of the agent turns, and only then.

Flow: outbox (which calls) -> [watchdog] -> chip
A part has `due_ms`, by when it is to turn next; None while it waits for another part, which is
watched itself. Half a period late is too late. So one that hangs has the board reset within two
periods, and what blocks the loop, with the outbox, within one.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Watchdog:
    """Watch `parts`, of (name, part), of which a sampler has its own name; `feed` is the chip's.

    `late(name, part, False)` comes before the bite, `late(name, part, True)` if it did not come
    to that.
    """

    def __init__(
        self,
        *,
        parts: "Sequence[tuple[str, Any]]",
        feed: "Callable[[], object]",
        now_ms: "Callable[[], int]",
        period_ms: int,
        late: "Callable[[str, Any, bool], None]",
    ) -> None:
        self._parts = parts
        self._feed = feed
        self._now_ms = now_ms
        self._late_ms = period_ms // 2
        self._late = late
        self._told: tuple[str, Any] | None = None

    def turn(self) -> None:
        """Feed, unless a part is late."""
        now_ms = self._now_ms()
        for name, part in self._parts:
            if part.due_ms is not None and now_ms - part.due_ms > self._late_ms:
                if not self._told:
                    self._told = name, part
                    self._late(name, part, False)
                return
        if self._told:
            self._late(*self._told, True)
            self._told = None
        self._feed()


def note_late(name: str, part: "Any", again: bool) -> None:
    """Keep who it is for the one who will ask why the board was reset."""
    from tidenode import incident, log

    name = incident.PART % name if name else part.name
    log.warn(("watchdog fed: %s turned again" if again else "watchdog not fed: %s is late") % name)
    try:
        incident.note(incident.LATE, name + incident.AGAIN if again else name)
    except OSError:
        pass  # the line above is all there is
