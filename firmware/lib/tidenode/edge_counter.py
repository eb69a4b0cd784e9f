"""Count the edges at a pin, by interrupt."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = 0x1FFFFFFF  # keeps the count a small integer, for which an interrupt needs no heap


class EdgeCounter:
    """Counts the edges of `pin` by interrupt; `take` returns those since the last `take`.

    On ESP32 handlers wait in a queue of eight: edges beyond some hundreds a second, or while
    something blocks the loop, are lost. `time` is the VM's module.
    """

    def __init__(self, pin: "Any", trigger: int, debounce_ms: int, time: "Any") -> None:
        self._debounce_ms = debounce_ms
        self._time = time
        self._edges = self._taken = 0
        self._counted_ticks_ms = time.ticks_add(time.ticks_ms(), -debounce_ms)
        pin.irq(handler=self._on_edge, trigger=trigger)

    def take(self) -> int:
        """Return the number of edges since the last call."""
        edges = self._edges
        new = edges - self._taken & _MASK
        self._taken = edges
        return new

    def _on_edge(self, _pin: "Any") -> None:
        if self._debounce_ms:
            ticks_ms = self._time.ticks_ms()
            # Negative after six quiet days, when ticks have half wrapped.
            since_ms = self._time.ticks_diff(ticks_ms, self._counted_ticks_ms)
            if 0 <= since_ms < self._debounce_ms:
                return
            self._counted_ticks_ms = ticks_ms
        self._edges = self._edges + 1 & _MASK
