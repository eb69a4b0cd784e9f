"""The I2C buses, as configurations name them. Needed at the start only."""

from tidenode.errors import ConfigError
from tidenode.i2c_chip import I2cChip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

_FREQUENCY_HZ = 100_000  # ESP32 has one speed per bus, and an SCD4x takes no more

pins_of_bus: "dict[int, tuple[int, int]]" = {}  # (scl, sda), for mistakes to be told


def options(lowest: int, highest: int) -> "Spec":
    """Return the options of a chip whose address is `lowest`, or is set up to `highest`."""
    return (
        ("bus", int, 0, -1, 1),  # -1: in software
        ("scl_pin", int, 22, 0, 48),
        ("sda_pin", int, 21, 0, 48),
        ("address", int, lowest, lowest, highest),
    )


def open_chip(name: str, options: "dict[str, Any]", hardware: "Any") -> I2cChip:
    """Return the chip that `options` describe. Raises ConfigError for one bus on four pins."""
    bus, pins = options["bus"], (options["scl_pin"], options["sda_pin"])
    if bus >= 0 and pins_of_bus.setdefault(bus, pins) != pins:
        raise ConfigError(["I2C bus %d: on pins %r and %r" % (bus, pins_of_bus[bus], pins)])
    scl, sda = hardware.Pin(pins[0]), hardware.Pin(pins[1])
    if bus < 0:
        i2c = hardware.SoftI2C(scl=scl, sda=sda, freq=_FREQUENCY_HZ)
    else:
        i2c = hardware.I2C(bus, scl=scl, sda=sda, freq=_FREQUENCY_HZ)
    return I2cChip(i2c, options["address"], name)
