"""Sensirion SCD40 and SCD41 over I2C: carbon dioxide, temperature, humidity.

Commands by the data sheet SCD4x (version 1.5), section 3: periodic measurement, with a new
value every five seconds. At a shorter period the reads between have no value and no sample.
"""

from tidenode import i2c_bus, sensirion
from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec
    from tidenode.i2c_chip import I2cChip

FIELDS = (("co2_ppm", 0), ("temperature_c", 2), ("humidity_percent", 2))
OPTIONS: "Spec" = i2c_bus.options(0x62, 0x62) + (
    ("pressure_hpa", int, None, 700, 1_200),  # of the place, for the chip to reckon with
)

_START = b"\x21\xb1"
_READ = b"\xec\x05"
_PERIOD_MS = 5_100  # the chip's clock may be 2 % slow
_PATIENCE_MS = 16_000  # three periods without a value: it lost its power and is idle
_PPM_MAX = 40_000


class Scd4x:
    """An SCD4x, measuring by itself. `time` is the VM's module."""

    def __init__(self, chip: "I2cChip", pressure_hpa: "int | None", time: "Any") -> None:
        self._chip = chip
        self._pressure_hpa = pressure_hpa
        self._time = time
        self._data = bytearray(9)
        self._runs = False
        self._value_ticks_ms = 0

    def begin(self) -> int:
        """Start the chip, once; return the milliseconds to its first value."""
        if self._runs:
            return 0
        try:
            self._chip.write(_START)
        except SensorError:
            self._chip.write(_READ)  # refused by a chip that still runs, not by one that is there
        if self._pressure_hpa is not None:
            self._chip.write(_with_checksum(0xE000, self._pressure_hpa))
        self._runs = True
        self._value_ticks_ms = self._time.ticks_ms()
        return _PERIOD_MS

    def read(self) -> "tuple[int | None, ...]":
        """Return ppm, 1/100 degrees Celsius and 1/100 % relative humidity; None between values."""
        runs, self._runs = self._runs, False
        chip, time = self._chip, self._time
        chip.write(_READ)
        time.sleep_ms(2)  # the command takes 1: asked sooner, the chip would seem to have no value
        try:
            chip.read_into(self._data)
        except SensorError:  # that it has no new value; what is absent refused the command
            if time.ticks_diff(time.ticks_ms(), self._value_ticks_ms) > _PATIENCE_MS:
                raise chip.error("no value in %d ms" % _PATIENCE_MS)
            self._runs = runs
            return None, None, None
        co2_ppm, temperature, humidity = sensirion.words(chip, self._data)
        if not 0 < co2_ppm <= _PPM_MAX:
            raise chip.error("%d ppm is beyond its range" % co2_ppm)
        self._runs = runs
        self._value_ticks_ms = time.ticks_ms()
        return (
            co2_ppm,
            sensirion.temperature_100_c(temperature),
            sensirion.humidity_100_percent(humidity),
        )


def create(options: "dict[str, Any]", hardware: "Any") -> Scd4x:
    """Return the sensor that `options` describe."""
    import time

    return Scd4x(i2c_bus.open_chip("SCD4x", options, hardware), options["pressure_hpa"], time)


def _with_checksum(command: int, word: int) -> bytes:
    return bytes(
        (command >> 8, command & 255, word >> 8, word & 255, sensirion.checksum(word)),
    )
