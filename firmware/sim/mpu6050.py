"""An InvenSense MPU-6050, register by register (register map RM-MPU-6000A-00, revision 4.2)."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_GYRO_CONFIG = 0x1B
_ACCEL_CONFIG = 0x1C
_DATA = 0x3B
_POWER = 0x6B
_WHO_AM_I = 0x75
_SLEEP = 0x40
_RESET = 0x80
_START_MS = 30  # of the gyroscopes


class Mpu6050:
    """The chip; `motion()` returns g in three axes, degrees a second in three, and degrees C."""

    def __init__(
        self, motion: "Callable[[], tuple[float, ...]]", now_ms: "Callable[[], float]"
    ) -> None:
        self._motion = motion
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power, asleep."""
        self._registers = bytearray(128)
        self._registers[_POWER] = _SLEEP
        self._registers[_WHO_AM_I] = 0x68
        self._register = 0
        self._awake_ms = 0.0

    def write(self, data: bytes) -> None:
        """Take a register's address, and values from there on."""
        self._register = data[0]
        for offset, value in enumerate(data[1:]):
            register = self._register + offset
            if register == _POWER and value & _RESET:
                self.power_on()
                return
            if register == _POWER and self._registers[_POWER] & _SLEEP and not value & _SLEEP:
                self._awake_ms = self._now_ms()
            if register < _DATA or register == _POWER:
                self._registers[register] = value

    def read(self, size: int) -> bytes:
        """Return `size` bytes; the address counts up by itself."""
        self._measure()
        return bytes(self._registers[self._register : self._register + size])

    def _measure(self) -> None:
        if self._registers[_POWER] & _SLEEP or self._now_ms() < self._awake_ms + _START_MS:
            return
        motion = self._motion()
        g_per_count = (2 << (self._registers[_ACCEL_CONFIG] >> 3 & 3)) / 32_768
        deg_s_per_count = 1 / (131, 65.5, 32.8, 16.4)[self._registers[_GYRO_CONFIG] >> 3 & 3]
        counts = [value / g_per_count for value in motion[:3]]
        counts.append((motion[6] - 36.53) * 340)
        counts.extend([value / deg_s_per_count for value in motion[3:6]])
        self._registers[_DATA : _DATA + 14] = struct.pack(
            ">7h", *[min(max(round(count), -32_768), 32_767) for count in counts]
        )


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put an MPU-6050 on `board`, which something shakes."""

    def motion() -> "tuple[float, ...]":
        shake = 0.1 * world.wave(2)
        return shake, -shake, 1 - shake, 40 * shake, 10 * shake, -20 * shake, world.climate()[0]

    board.chips[world.place(options)] = Mpu6050(motion, world.now_ms)
