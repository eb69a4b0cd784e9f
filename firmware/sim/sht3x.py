"""A Sensirion SHT3x, command by command (data sheet SHT3x-DIS, version 6, section 4)."""

import errno
import struct

import crc8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MEASURE = b"\x24\x00"
_RESET = b"\x30\xa2"
_MEASURE_MS = 15.5


class Sht3x:
    """The chip; `climate()` returns degrees Celsius and % relative humidity."""

    def __init__(
        self, climate: "Callable[[], tuple[float, float]]", now_ms: "Callable[[], float]"
    ) -> None:
        self._climate = climate
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power, idle."""
        self._due_ms: float | None = None

    def write(self, data: bytes) -> None:
        """Take a command; one it does not know is not acknowledged."""
        if self._due_ms is not None and self._now_ms() < self._due_ms:
            raise OSError(errno.ENODEV)  # busy
        if data == _MEASURE:
            self._due_ms = self._now_ms() + _MEASURE_MS
        elif data == _RESET:
            self.power_on()
        else:
            raise OSError(errno.ENODEV)

    def read(self, size: int) -> bytes:
        """Return the measurement, once, when it is there."""
        if self._due_ms is None or self._now_ms() < self._due_ms:
            raise OSError(errno.ENODEV)
        self._due_ms = None
        temperature_c, humidity_percent = self._climate()
        return (
            _word((temperature_c + 45) / 175 * 65_535) + _word(humidity_percent / 100 * 65_535)
        )[:size]


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put an SHT3x on `board`."""
    board.chips[world.place(options)] = Sht3x(world.climate, world.now_ms)


def _word(number: float) -> bytes:
    word = struct.pack(">H", min(max(int(number + 0.5), 0), 65_535))
    return word + bytes((crc8.sensirion(word),))
