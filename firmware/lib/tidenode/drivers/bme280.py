"""Bosch BME280 over I2C: temperature, pressure, humidity.

Registers and compensation by the data sheet BST-BME280-DS001 (revision 1.23): sections 4.2.2
(trimming parameters), 4.2.3 (integer formulae) and 5 (registers). All arithmetic is of
integers: an ESP32's float keeps 24 bits only.
"""

import struct

from tidenode import i2c_bus
from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.i2c_chip import I2cChip

FIELDS = (("temperature_c", 2), ("pressure_pa", 1), ("humidity_percent", 2))
OPTIONS = i2c_bus.options(0x76, 0x77)  # SDO to ground, or to supply

_ID = 0xD0
_ID_BME280 = 0x60
_STATUS = 0xF3
_CTRL_MEAS = 0xF4
_CALIBRATION_1 = 0x88
_CALIBRATION_2 = 0xE1
_NORMAL_X1 = 0x27  # temperature and pressure once each, normal mode
# Pairs of register and value. Standby 125 ms and no filter: a new value eight times a second;
# ctrl_meas; before it ctrl_hum, humidity once, which is taken with ctrl_meas.
_SETTINGS = b"\xf5\x40\xf4\x27"
_SETTINGS_HUMID = b"\xf2\x01\xf5\x40\xf4\x27"
_SKIPPED_20 = 0x80000  # what an axis that wasn't measured reads
_SKIPPED_16 = 0x8000
_LOWEST_100_C = -4_100  # a little beyond what the data sheet promises
_HIGHEST_100_C = 8_600
_LOWEST_10_PA = 290_000
_HIGHEST_10_PA = 1_110_000


class Bme280:
    """A BME280, or a BMP280 that is not `humid`, measuring by itself; `read` never waits for it.

    The chip is set up at the first read, and again after any failure, so that a sensor
    plugged in later, or shaken loose, comes back.
    """

    def __init__(self, chip: "I2cChip", chip_id: int, *, humid: bool) -> None:
        self._chip = chip
        self._chip_id = chip_id
        self._humid = humid
        # From ctrl_meas on, which tells whether the chip was reset and sleeps.
        self._data = bytearray(11 if humid else 9)
        self._trim: tuple[int, ...] | None = None

    def read(self) -> "tuple[int | None, ...]":
        """Return 1/100 degrees Celsius, 1/10 Pa and, if humid, 1/100 % relative humidity.

        None is a value the chip has not measured. Raises SensorError.
        """
        trim, self._trim = self._trim, None
        if trim is None:
            trim = self._set_up()
        data = self._data
        self._chip.read_into(data, _CTRL_MEAS)
        if data[0] != _NORMAL_X1:
            raise self._chip.error("it was reset")
        values = self._values(trim)
        self._trim = trim
        return values

    def _values(self, trim: tuple[int, ...]) -> "tuple[int | None, ...]":
        data = self._data
        raw = data[6] << 12 | data[7] << 4 | data[8] >> 4
        if raw == _SKIPPED_20:
            return (None,) * (3 if self._humid else 2)  # the first 10 ms after power-on
        fine = fine_temperature(raw, trim)
        temperature = fine * 5 + 128 >> 8
        raw = data[3] << 12 | data[4] << 4 | data[5] >> 4
        pressure = None if raw == _SKIPPED_20 else pressure_256_pa(raw, fine, trim) * 10 >> 8
        if not _LOWEST_100_C <= temperature <= _HIGHEST_100_C or (
            pressure is not None and not _LOWEST_10_PA <= pressure <= _HIGHEST_10_PA
        ):
            raise self._chip.error(
                "%r/100 C, %r/10 Pa are beyond its range" % (temperature, pressure)
            )
        if not self._humid:
            return temperature, pressure
        raw = data[9] << 8 | data[10]
        humidity = None if raw == _SKIPPED_16 else humidity_1024_percent(raw, fine, trim)
        return temperature, pressure, humidity and humidity * 100 >> 10

    def _set_up(self) -> tuple[int, ...]:
        chip, byte = self._chip, bytearray(1)
        chip.read_into(byte, _ID)
        if byte[0] != self._chip_id:
            raise chip.error("id 0x%02x is another chip's" % byte[0])
        chip.read_into(byte, _STATUS)
        if byte[0] & 1:
            raise chip.error("still copies its trimming parameters")
        first, second = bytearray(26), bytearray(7)
        chip.read_into(first, _CALIBRATION_1)
        if self._humid:
            chip.read_into(second, _CALIBRATION_2)
        trim = trimming(first, second)
        if not trim[3]:
            raise chip.error("blank trimming parameters")  # P1, by which a formula divides
        chip.write(_SETTINGS_HUMID if self._humid else _SETTINGS)
        return trim


def create(options: "dict[str, Any]", hardware: "Any") -> Bme280:
    """Return the sensor that `options` describe."""
    return Bme280(i2c_bus.open_chip("BME280", options, hardware), _ID_BME280, humid=True)


def trimming(first: "bytes | bytearray", second: "bytes | bytearray") -> tuple[int, ...]:
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
