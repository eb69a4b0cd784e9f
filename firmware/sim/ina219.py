"""A Texas Instruments INA219, register by register (data sheet SBOS448G, section 8.6)."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CONFIGURATION = 0
_SHUNT = 1
_BUS = 2
_POWER = 3
_DEFAULT = 0x399F
_RESET = 0x8000


class Ina219:
    """The chip; `supply()` returns the volts at the load and at the shunt."""

    def __init__(
        self, supply: "Callable[[], tuple[float, float]]", now_ms: "Callable[[], float]"
    ) -> None:
        self._supply = supply
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power."""
        self._pointer = 0
        self._configure(_DEFAULT)

    def write(self, data: bytes) -> None:
        """Take a register's number, and its new value."""
        self._pointer = data[0]
        if len(data) == 3 and self._pointer == _CONFIGURATION:
            value = data[1] << 8 | data[2]
            self._configure(_DEFAULT if value & _RESET else value)

    def read(self, size: int) -> bytes:
        """Return the register."""
        if self._pointer == _CONFIGURATION:
            return struct.pack(">H", self._configuration)[:size]
        ready = self._now_ms() >= self._ready_ms
        volts, shunt_volts = self._supply() if ready else (0.0, 0.0)
        if self._pointer == _SHUNT:
            limit = 4_000 << (self._configuration >> 11 & 3)  # of 10 uV
            counts = round(shunt_volts * 100_000)
            return struct.pack(">h", min(max(counts, -limit), limit))[:size]
        if self._pointer == _BUS:
            limit = 8_000 if self._configuration & 0x2000 else 4_000  # of 4 mV
            counts = min(max(round(volts * 250), 0), limit)
            return struct.pack(">H", counts << 3 | (2 if ready else 0))[:size]
        return bytes(size)  # power and current, which need a calibration

    def _configure(self, value: int) -> None:
        self._configuration = value
        total_ms = _conversion_ms(value >> 7 & 15) + _conversion_ms(value >> 3 & 15)
        self._ready_ms = self._now_ms() + total_ms


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put an INA219 on `board`, behind a solar panel."""
    board.chips[world.place(options)] = Ina219(
        lambda: (5 + 7 * world.wave(0), 0.03 * world.wave(0)), world.now_ms
    )


def _conversion_ms(code: int) -> float:
    """Return how long table 5 says a conversion takes."""
    if code & 8:
        return 0.532 * (1 << (code & 7))
    return (0.084, 0.148, 0.276, 0.532)[code & 3]
