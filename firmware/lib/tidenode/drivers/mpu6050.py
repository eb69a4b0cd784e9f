"""TDK InvenSense MPU-6050 over I2C: acceleration, rotation, temperature.

Registers by the register map RM-MPU-6000A-00 (revision 4.2), sections 4.3 to 4.32. The chip
filters at 44 Hz and measures by itself.
"""

import struct

from tidenode import i2c_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec
    from tidenode.i2c_chip import I2cChip

FIELDS = (
    ("acceleration_x_g", 4),
    ("acceleration_y_g", 4),
    ("acceleration_z_g", 4),
    ("rotation_x_deg_s", 2),
    ("rotation_y_deg_s", 2),
    ("rotation_z_deg_s", 2),
    ("temperature_c", 2),
)
OPTIONS: "Spec" = i2c_bus.options(0x68, 0x69) + (
    ("g_max", int, 2, 2, 16),  # the smallest range of 2, 4, 8 and 16 above it
    ("deg_s_max", int, 250, 250, 2_000),  # likewise of 250, 500, 1000 and 2000
)

_WHO_AM_I = 0x75
_MPU6050 = 0x68
_POWER = 0x6B
_AWAKE = 1  # by the clock of a gyroscope; after a reset it sleeps
_WAKE = b"\x6b\x01"
_SETTINGS = 0x1A
_FILTER_44_HZ = 3
_DATA = 0x3B
_NOTHING = bytes(14)


class Mpu6050:
    """An MPU-6050; ranges are 0 to 3, each twice the one before."""

    def __init__(self, chip: "I2cChip", g_range: int, deg_s_range: int) -> None:
        self._chip = chip
        self._g_range = g_range
        self._deg_s_range = deg_s_range
        self._counts = (1_310, 655, 328, 164)[deg_s_range]  # of 10 degrees a second
        self._byte = bytearray(1)
        self._data = bytearray(14)
        self._ready = False

    def read(self) -> "tuple[int | None, ...]":
        """Return 1/10000 g, 1/100 degrees a second and 1/100 degrees Celsius.

        None until the chip has measured.
        """
        ready, self._ready = self._ready, False
        chip = self._chip
        if not ready:
            self._set_up()
        else:
            chip.read_into(self._byte, _POWER)
            if self._byte[0] != _AWAKE:
                raise chip.error("it was reset")
        chip.read_into(self._data, _DATA)
        self._ready = True
        if self._data == _NOTHING:
            return (None,) * 7
        ax, ay, az, temperature, gx, gy, gz = struct.unpack(">7h", self._data)
        return (
            self._acceleration(ax),
            self._acceleration(ay),
            self._acceleration(az),
            self._rotation(gx),
            self._rotation(gy),
            self._rotation(gz),
            temperature * 5 // 17 + 3_653,  # 340 a degree, from 36.53
        )

    def _acceleration(self, raw: int) -> int:
        return (raw << self._g_range) * 625 >> 10  # by 10000 / 16384

    def _rotation(self, raw: int) -> int:
        return raw * 1_000 // self._counts

    def _set_up(self) -> None:
        chip, byte = self._chip, self._byte
        chip.read_into(byte, _WHO_AM_I)
        if byte[0] != _MPU6050:
            raise chip.error("id 0x%02x is not an MPU-6050's" % byte[0])
        chip.write(_WAKE)
        chip.write(bytes((_SETTINGS, _FILTER_44_HZ, self._deg_s_range << 3, self._g_range << 3)))


def create(options: "dict[str, Any]", hardware: "Any") -> Mpu6050:
    """Return the sensor that `options` describe."""
    chip = i2c_bus.open_chip("MPU-6050", options, hardware)
    return Mpu6050(chip, _range(2, options["g_max"]), _range(250, options["deg_s_max"]))


def _range(smallest: int, wanted: int) -> int:
    number = 0
    while smallest << number < wanted:
        number += 1
    return number
