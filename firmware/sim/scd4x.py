"""A Sensirion SCD4x, command by command (data sheet SCD4x, version 1.5, section 3)."""

import errno
import struct

import crc8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_START = 0x21B1
_STOP = 0x3F86
_READ = 0xEC05
_READY = 0xE4B8
_PRESSURE = 0xE000
_PERIOD_MS = 5_000
_COMMAND_MS = 1


class Scd4x:
    """The chip; `air()` returns ppm, degrees Celsius and % relative humidity."""

    def __init__(
        self, air: "Callable[[], tuple[float, float, float]]", now_ms: "Callable[[], float]"
    ) -> None:
        self._air = air
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power, idle."""
        self.pressure_hpa = 1_013
        self._started_ms: float | None = None
        self._taken = 0  # values since the start that were read, or that newer ones covered
        self._answer = b""
        self._answer_ms = 0.0

    def write(self, data: bytes) -> None:
        """Take a command. While it measures it acknowledges few."""
        command = data[0] << 8 | data[1]
        runs = self._started_ms is not None
        self._answer = b""
        self._answer_ms = self._now_ms() + _COMMAND_MS
        if command == _START and not runs:
            self._started_ms, self._taken = self._now_ms(), 0
        elif command == _STOP and runs:
            self._started_ms = None
        elif command == _READ:
            self._measure()
        elif command == _READY:
            self._answer = _word(0x8006 if self._values() > self._taken else 0x8000)
        elif command == _PRESSURE and data[4] == crc8.sensirion(data[2:4]):
            self.pressure_hpa = data[2] << 8 | data[3]
        else:
            raise OSError(errno.ENODEV)

    def read(self, size: int) -> bytes:
        """Return what the command before asked for, if there is something."""
        if not self._answer or self._now_ms() < self._answer_ms:
            raise OSError(errno.ENODEV)
        answer, self._answer = self._answer, b""
        return answer[:size]

    def _values(self) -> int:
        return (
            0 if self._started_ms is None else int(self._now_ms() - self._started_ms) // _PERIOD_MS
        )

    def _measure(self) -> None:
        if self._values() > self._taken:
            self._taken = self._values()
            ppm, temperature_c, humidity_percent = self._air()
            self._answer = (
                _word(ppm)
                + _word((temperature_c + 45) * 65_535 / 175)
                + _word(humidity_percent * 65_535 / 100)
            )


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put an SCD4x on `board`, in a room that people come to."""

    def air() -> "tuple[float, float, float]":
        temperature_c, humidity_percent = world.climate()
        return 420 + 400 * world.wave(1), temperature_c, humidity_percent

    board.chips[world.place(options)] = Scd4x(air, world.now_ms)


def _word(number: float) -> bytes:
    word = struct.pack(">H", min(max(int(number + 0.5), 0), 65_535))
    return word + bytes((crc8.sensirion(word),))
