"""A Rohm BH1750FVI, instruction by instruction (data sheet 11046EDT01, page 5)."""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_OFF = 0x00
_ON = 0x01
_RESET = 0x07
_ONCE_HIGH = 0x20
_MEASURE_MS = 180  # the slowest chip; a typical one takes 120


class Bh1750:
    """The chip; `lux()` is the light on it."""

    def __init__(self, lux: "Callable[[], float]", now_ms: "Callable[[], float]") -> None:
        self._lux = lux
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power: off, with an empty data register."""
        self._on = False
        self._counts = 0
        self._due_ms: float | None = None

    def write(self, data: bytes) -> None:
        """Take an instruction."""
        (code,) = data
        if code in (_OFF, _ON):
            self._on, self._due_ms = code == _ON, None
        elif code == _RESET:
            if self._on:
                self._counts = 0
        elif code == _ONCE_HIGH:
            self._on, self._due_ms = True, self._now_ms() + _MEASURE_MS
        else:
            raise OSError(errno.ENODEV)

    def read(self, size: int) -> bytes:
        """Return the data register: the last measurement, not one that is under way."""
        if self._due_ms is not None and self._now_ms() >= self._due_ms:
            self._on, self._due_ms = False, None
            self._counts = min(int(self._lux() * 1.2 + 0.5), 0xFFFF)
        return bytes((self._counts >> 8, self._counts & 255))[:size]


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a BH1750 on `board`, by day and night."""
    board.chips[world.place(options)] = Bh1750(lambda: 30_000 * world.wave(0) ** 2, world.now_ms)
