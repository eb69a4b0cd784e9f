"""A Texas Instruments ADS1115, register by register (data sheet SBAS444E, section 8.1)."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CONFIGURATION = 1
_DEFAULT = 0x8583
_START = 0x8000
_SINGLE = 0x0100
_FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
_RATES_HZ = (8, 16, 32, 64, 128, 250, 475, 860)
_PAIRS = ((0, 1), (0, 3), (1, 3), (2, 3))


class Ads1115:
    """The chip; `volts(input)` is what is at its inputs 0 to 3."""

    def __init__(self, volts: "Callable[[int], float]", now_ms: "Callable[[], float]") -> None:
        self._volts = volts
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power."""
        self._pointer = 0
        self._settings = _DEFAULT & ~_START
        self._conversion = 0
        self._due_ms: float | None = None

    def write(self, data: bytes) -> None:
        """Take a register's number, and its new value."""
        self._pointer = data[0]
        if len(data) == 3 and self._pointer == _CONFIGURATION:
            value = data[1] << 8 | data[2]
            self._settings = value & ~_START
            if value & _START and value & _SINGLE:
                # The internal clock is up to a tenth slow.
                self._due_ms = self._now_ms() + 1_100 / _RATES_HZ[value >> 5 & 7]

    def read(self, size: int) -> bytes:
        """Return the register."""
        if self._due_ms is not None and self._now_ms() >= self._due_ms:
            self._due_ms = None
            self._conversion = self._converted()
        if self._pointer == _CONFIGURATION:
            idle = _START if self._due_ms is None else 0
            return struct.pack(">H", self._settings | idle)[:size]
        return struct.pack(">h", self._conversion)[:size]

    def _converted(self) -> int:
        mux = self._settings >> 12 & 7
        if mux & 4:
            volts = self._volts(mux & 3)
        else:
            plus, minus = _PAIRS[mux]
            volts = self._volts(plus) - self._volts(minus)
        full_scale_v = _FULL_SCALE_V[self._settings >> 9 & 7]
        return min(max(round(volts / full_scale_v * 32_768), -32_768), 32_767)


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put an ADS1115 on `board`, with a probe of soil at each input."""
    board.chips[world.place(options)] = Ads1115(
        lambda number: (number + 1) * 0.2 + 0.1 * world.wave(number), world.now_ms
    )
