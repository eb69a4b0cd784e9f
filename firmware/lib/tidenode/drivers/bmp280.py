"""Bosch BMP280 over I2C: temperature, pressure.

By the data sheet BST-BMP280-DS001 (revision 1.26) it is a BME280 without humidity.
"""

from tidenode import i2c_bus
from tidenode.drivers import bme280

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OPTIONS = bme280.OPTIONS
FIELDS = (("temperature_c", 2), ("pressure_pa", 1))

_ID_BMP280 = 0x58


def create(options: "dict[str, Any]", hardware: "Any") -> bme280.Bme280:
    """Return the sensor that `options` describe."""
    return bme280.Bme280(i2c_bus.open_chip("BMP280", options, hardware), _ID_BMP280, humid=False)
