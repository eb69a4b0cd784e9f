"""Maxim MAX31855 over SPI: a thermocouple, and the temperature of the chip itself.

Frame by the data sheet 19-5793 (revision 5), table 2. It measures by itself, ten times a
second, and keeps no setting.
"""

import struct

from tidenode.config import REQUIRED
from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("temperature_c", 2), ("chip_temperature_c", 4))
OPTIONS: "Spec" = (
    ("bus", int, 1, 1, 2),  # takes its MOSI pin too, GPIO 13 or 23, though the chip has none
    ("sck_pin", int, REQUIRED, 0, 48),
    ("miso_pin", int, REQUIRED, 0, 48),
    ("cs_pin", int, REQUIRED, 0, 48),
)

_FREQUENCY_HZ = 1_000_000
_FAULT = 1
_RESERVED_1 = 2
_RESERVED_2 = 8
_FAULTS = ((1, "open"), (2, "short to ground"), (4, "short to supply"))


class Max31855:
    """A MAX31855 that listens while the pin `cs` is low."""

    def __init__(self, spi: "Any", cs: "Any", cs_number: int) -> None:
        self._spi = spi
        self._cs = cs
        self._cs_number = cs_number
        self._data = bytearray(4)

    def read(self) -> tuple[int, ...]:
        """Return 1/100 degrees Celsius in steps of 1/4, and 1/10000 in steps of 1/16."""
        self._cs.value(0)
        try:
            self._spi.readinto(self._data)
        except OSError as error:
            raise self._error(repr(error))
        finally:
            self._cs.value(1)
        probe, chip = struct.unpack(">hh", self._data)
        for bit, name in _FAULTS:
            if probe & _FAULT and chip & bit:
                if chip & 7 == 7:
                    break  # all at once can't be: a line that floats
                raise self._error("thermocouple " + name)
        # Zero is 0 C at both ends, to a sixteenth: a line at ground is more likely.
        if probe & (_FAULT | _RESERVED_1) or chip & 15 or not probe | chip:
            raise self._error("no answer")
        return (probe >> 2) * 25, (chip >> 4) * 625

    def _error(self, what: str) -> SensorError:
        return SensorError("MAX31855 at pin %d: %s" % (self._cs_number, what))


def create(options: "dict[str, Any]", hardware: "Any") -> Max31855:
    """Return the sensor that `options` describe."""
    pin = hardware.Pin
    spi = hardware.SPI(
        options["bus"],
        baudrate=_FREQUENCY_HZ,
        polarity=0,
        phase=0,
        sck=pin(options["sck_pin"]),
        miso=pin(options["miso_pin"]),
    )
    cs = options["cs_pin"]
    return Max31855(spi, pin(cs, pin.OUT, value=1), cs)
