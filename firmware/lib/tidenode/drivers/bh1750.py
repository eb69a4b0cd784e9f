"""Rohm BH1750FVI over I2C: illuminance.

Instructions by the data sheet 11046EDT01, page 5: one measurement at a time in the high
resolution mode, after which the chip sleeps. It keeps no setting: each sets it up anew.
"""

from tidenode import i2c_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.i2c_chip import I2cChip

FIELDS = (("illuminance_lx", 1),)
OPTIONS = i2c_bus.options(0x23, 0x5C)  # ADDR to ground, or to supply

_MEASURE = b"\x20"
_MEASURE_MS = 180
_SATURATED = 0xFFFF


class Bh1750:
    """A BH1750; 1.2 counts are a lux."""

    def __init__(self, chip: "I2cChip") -> None:
        self._chip = chip
        self._data = bytearray(2)

    def begin(self) -> int:
        """Start a measurement; return its milliseconds."""
        self._chip.write(_MEASURE)
        return _MEASURE_MS

    def read(self) -> tuple[int]:
        """Return 1/10 lux."""
        self._chip.read_into(self._data)
        counts = self._data[0] << 8 | self._data[1]
        if counts == _SATURATED:
            raise self._chip.error("54612 lx or more is beyond its range")
        return ((counts * 50 + 3) // 6,)


def create(options: "dict[str, Any]", hardware: "Any") -> Bh1750:
    """Return the sensor that `options` describe. Its address is 0x23 or 0x5C."""
    return Bh1750(i2c_bus.open_chip("BH1750", options, hardware))
