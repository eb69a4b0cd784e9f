"""A Maxim MAX31855, bit by bit (data sheet 19-5793, revision 5, table 2)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OPEN, SHORT_TO_GROUND, SHORT_TO_SUPPLY = 1, 2, 4


class Max31855:
    """The chip at its select pin; `temperatures()` returns that of the probe and its own.

    `fault` is one of the above, or 0.
    """

    def __init__(self, temperatures: "Callable[[], tuple[float, float]]") -> None:
        self._temperatures = temperatures
        self.selected = False
        self.fault = 0

    def drive(self, level: int) -> None:
        """Listen while the select pin is low."""
        self.selected = not level

    def send(self, size: int) -> bytes:
        """Return the frame, most significant bit first."""
        probe_c, own_c = self._temperatures()
        bits = (round(probe_c * 4) & 0x3FFF) << 18 | (round(own_c * 16) & 0xFFF) << 4
        if self.fault:
            bits |= 1 << 16 | self.fault
        return bits.to_bytes(4, "big")[:size]


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a MAX31855 at its select pin of `board`, its probe in an oven."""

    def temperatures() -> "tuple[float, float]":
        own_c = world.climate()[0]
        return own_c + 180 * world.wave(1), own_c

    board.parts[options["cs_pin"]] = Max31855(temperatures)
