"""Sensirion SHT30, SHT31 and SHT35 over I2C: temperature, humidity.

Commands by the data sheet SHT3x-DIS (version 6), section 4: one measurement at a time, of
high repeatability and without clock stretching, which would hold the bus.
"""

from tidenode import i2c_bus, sensirion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.i2c_chip import I2cChip

FIELDS = (("temperature_c", 2), ("humidity_percent", 2))
OPTIONS = i2c_bus.options(0x44, 0x45)  # ADDR to ground, or to supply

_MEASURE = b"\x24\x00"
_MEASURE_MS = 16  # at most 15.5
_LOWEST_100_C = -4_000
_HIGHEST_100_C = 12_500


class Sht3x:
    """An SHT3x; it keeps no setting, so that each measurement sets it up anew."""

    def __init__(self, chip: "I2cChip") -> None:
        self._chip = chip
        self._data = bytearray(6)

    def begin(self) -> int:
        """Start a measurement; return its milliseconds."""
        self._chip.write(_MEASURE)
        return _MEASURE_MS

    def read(self) -> tuple[int, ...]:
        """Return 1/100 degrees Celsius and 1/100 % relative humidity."""
        self._chip.read_into(self._data)
        temperature, humidity = sensirion.words(self._chip, self._data)
        temperature = sensirion.temperature_100_c(temperature)
        if not _LOWEST_100_C <= temperature <= _HIGHEST_100_C:
            raise self._chip.error("%d/100 C is beyond its range" % temperature)
        return temperature, sensirion.humidity_100_percent(humidity)


def create(options: "dict[str, Any]", hardware: "Any") -> Sht3x:
    """Return the sensor that `options` describe."""
    return Sht3x(i2c_bus.open_chip("SHT3x", options, hardware))
