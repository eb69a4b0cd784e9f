"""The level of a pin, and how often it has changed since the start: a door, a float, a relay."""

from tidenode import input_pin
from tidenode.edge_counter import EdgeCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("level", 0), ("changes", 0))
OPTIONS: "Spec" = input_pin.OPTIONS + (
    ("invert", bool, False, 0, 1),  # for a contact to ground: closed is 1
)


class DigitalInput:
    """The level of `pin`, 0 or 1, turned round by `invert`, 1 or 0."""

    def __init__(self, pin: "Any", edges: EdgeCounter, invert: int) -> None:
        self._pin = pin
        self._edges = edges
        self._invert = invert
        self._changes = 0

    def read(self) -> tuple[int, ...]:
        """Return the level and the number of changes, also of those between two reads."""
        self._changes += self._edges.take()
        return self._pin.value() ^ self._invert, self._changes


def create(options: "dict[str, Any]", hardware: "Any") -> DigitalInput:
    """Return the input that `options` describe."""
    import time

    pin = input_pin.open_pin(options, hardware)
    both = pin.IRQ_RISING | pin.IRQ_FALLING
    edges = EdgeCounter(pin, both, options["debounce_ms"], time)
    return DigitalInput(pin, edges, int(options["invert"]))
