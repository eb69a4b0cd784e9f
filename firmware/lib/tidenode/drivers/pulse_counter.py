"""Pulses at a pin: how many since the start, and how many a minute.

For meters, anemometers, rain gauges, flow sensors. Counted by interrupt.
"""

from tidenode import input_pin
from tidenode.edge_counter import EdgeCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("pulses", 0), ("pulses_per_minute", 1))
OPTIONS: "Spec" = input_pin.OPTIONS + (
    ("rising", bool, False, 0, 1),  # the edge that counts; else the falling one
)


class PulseCounter:
    """Adds up what `edges` counted. `time` is the VM's module."""

    def __init__(self, edges: EdgeCounter, time: "Any") -> None:
        self._edges = edges
        self._time = time
        self._pulses = 0
        self._ticks_ms = time.ticks_ms()

    def read(self) -> "tuple[int | None, ...]":
        """Return the pulses, and 1/10 pulses a minute since the last read."""
        ticks_ms = self._time.ticks_ms()
        new = self._edges.take()
        elapsed_ms = self._time.ticks_diff(ticks_ms, self._ticks_ms)
        self._ticks_ms = ticks_ms
        self._pulses += new
        # As many milliseconds as fit into ticks' half: six days, of which a period has one.
        return self._pulses, (new * 600_000 // elapsed_ms if elapsed_ms > 0 else None)


def create(options: "dict[str, Any]", hardware: "Any") -> PulseCounter:
    """Return the counter that `options` describe."""
    import time

    pin = input_pin.open_pin(options, hardware)
    trigger = pin.IRQ_RISING if options["rising"] else pin.IRQ_FALLING
    return PulseCounter(EdgeCounter(pin, trigger, options["debounce_ms"], time), time)
