"""Bosch BME280 over I2C: temperature, pressure, humidity.

Registers and compensation by the data sheet BST-BME280-DS001 (revision 1.23): sections 4.2.2
(trimming parameters), 4.2.3 (integer formulae) and 5 (registers). All arithmetic is of
integers: an ESP32's float keeps 24 bits only.
"""

import struct

from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("temperature_c", 2), ("pressure_pa", 1), ("humidity_percent", 2))
OPTIONS: "Spec" = (
    ("bus", int, 0, 0, 1),
    ("scl_pin", int, 22, 0, 48),
    ("sda_pin", int, 21, 0, 48),
    ("address", int, 0x76, 0x76, 0x77),  # SDO to ground, or to supply
)

_ID = 0xD0
_ID_BME280 = 0x60
_RESET = 0xE0
_RESET_WORD = 0xB6
_CTRL_HUM = 0xF2
_STATUS = 0xF3
_CTRL_MEAS = 0xF4
_CONFIG = 0xF5
_DATA = 0xF7
_DATA_BYTES = 8
_CALIBRATION_1 = 0x88
_CALIBRATION_2 = 0xE1
_NORMAL_X1 = 0x27  # temperature and pressure once each, normal mode
_HUMIDITY_X1 = 0x01
_STANDBY_125_MS = 0x40  # no filter; a new value eight times a second
_SKIPPED_20, _SKIPPED_16 = 0x80000, 0x8000  # what an axis that wasn't measured reads


class Bme280:
    """A BME280 at `address` of `i2c`, measuring by itself; `read` never waits for it.

    The chip is set up at the first read, and again after any failure, so that a sensor
    plugged in later, or shaken loose, comes back.
    """

    def __init__(self, i2c: "Any", address: int) -> None:
        self._i2c = i2c
        self._address = address
        self._data = bytearray(_DATA_BYTES)
        self._trim: tuple[int, ...] | None = None

    def read(self) -> tuple[int | None, ...]:
        """Return 1/100 degrees Celsius, 1/10 Pa and 1/100 % relative humidity.

        None is a value the chip has not measured. Raises OSError where the chip does not
        answer and SensorError where something else does.
        """
        trim, self._trim = self._trim, None
        if trim is None:
            trim = self._set_up()
        self._i2c.readfrom_mem_into(self._address, _DATA, self._data)
        data = self._data
        pressure = data[0] << 12 | data[1] << 4 | data[2] >> 4
        temperature = data[3] << 12 | data[4] << 4 | data[5] >> 4
        humidity = data[6] << 8 | data[7]
        self._trim = trim
        if temperature == _SKIPPED_20:
            return None, None, None  # the first 10 ms after power-on
        fine = fine_temperature(temperature, trim)
        return (
            (fine * 5 + 128) >> 8,
            None if pressure == _SKIPPED_20 else pressure_256_pa(pressure, fine, trim) * 10 >> 8,
            None
            if humidity == _SKIPPED_16
            else humidity_1024_percent(humidity, fine, trim) * 100 >> 10,
        )

    def _set_up(self) -> tuple[int, ...]:
        i2c, address = self._i2c, self._address
        chip = i2c.readfrom_mem(address, _ID, 1)[0]
        if chip != _ID_BME280:
            raise SensorError("chip id 0x%02x at 0x%02x, not a BME280" % (chip, address))
        if i2c.readfrom_mem(address, _STATUS, 1)[0] & 1:
            raise SensorError("the BME280 is still copying its trimming parameters")
        first = i2c.readfrom_mem(address, _CALIBRATION_1, 26)
        second = i2c.readfrom_mem(address, _CALIBRATION_2, 7)
        i2c.writeto_mem(address, _CTRL_HUM, bytes((_HUMIDITY_X1,)))  # taken with ctrl_meas
        i2c.writeto_mem(address, _CONFIG, bytes((_STANDBY_125_MS,)))
        i2c.writeto_mem(address, _CTRL_MEAS, bytes((_NORMAL_X1,)))
        return trimming(first, second)


def create(options: "dict[str, Any]", hardware: "Any") -> Bme280:
    """Return the sensor that `options` describe; `hardware` is the module `machine`."""
    i2c = hardware.I2C(
        options["bus"],
        scl=hardware.Pin(options["scl_pin"]),
        sda=hardware.Pin(options["sda_pin"]),
        freq=400_000,
    )
    return Bme280(i2c, options["address"])


def trimming(first: bytes, second: bytes) -> tuple[int, ...]:
    """Return T1..T3, P1..P9, H1..H6 of registers 0x88..0xA1 and 0xE1..0xE7 (table 16)."""
    numbers = struct.unpack("<HhhHhhhhhhhhxB", first)
    h2, h3 = struct.unpack("<hB", second[:3])
    h4 = _signed(second[3], 8) << 4 | second[4] & 15
    h5 = _signed(second[5], 8) << 4 | second[4] >> 4
    return numbers + (h2, h3, h4, h5, _signed(second[6], 8))


def fine_temperature(raw: int, trim: tuple[int, ...]) -> int:
    """Return t_fine, in 1/5120 degrees, which the other two formulae need."""
    t1, t2, t3 = trim[0:3]
    first = ((raw >> 3) - (t1 << 1)) * t2 >> 11
    half = (raw >> 4) - t1
    return first + ((half * half >> 12) * t3 >> 14)


def pressure_256_pa(raw: int, fine: int, trim: tuple[int, ...]) -> int:
    """Return the pressure in 1/256 Pa (the data sheet's 64-bit formula).

    Raises SensorError for trimming parameters that divide by zero.
    """
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = trim[3:12]
    offset = fine - 128_000
    second = offset * offset * p6 + (offset * p5 << 17) + (p4 << 35)
    first = (offset * offset * p3 >> 8) + (offset * p2 << 12)
    first = ((1 << 47) + first) * p1 >> 33
    if not first:
        raise SensorError("the BME280's trimming parameters are blank")
    pressure = _divided(((1_048_576 - raw << 31) - second) * 3125, first)
    first = p9 * (pressure >> 13) * (pressure >> 13) >> 25
    second = p8 * pressure >> 19
    return (pressure + first + second >> 8) + (p7 << 4)


def humidity_1024_percent(raw: int, fine: int, trim: tuple[int, ...]) -> int:
    """Return the relative humidity in 1/1024 %, 0 to 100."""
    h1, h2, h3, h4, h5, h6 = trim[12:18]
    offset = fine - 76_800
    scaled = (raw << 14) - (h4 << 20) - h5 * offset + 16_384 >> 15
    slope = ((offset * h6 >> 10) * ((offset * h3 >> 11) + 32_768) >> 10) + 2_097_152
    value = scaled * (slope * h2 + 8_192 >> 14)
    value -= ((value >> 15) * (value >> 15) >> 7) * h1 >> 4
    return min(max(value, 0), 419_430_400) >> 12


def _signed(byte: int, bits: int) -> int:
    return byte - (1 << bits) if byte >> bits - 1 else byte


def _divided(number: int, by: int) -> int:
    """Divide as C does, towards zero."""
    return number // by if (number < 0) == (by < 0) else -(-number // by)
