"""Texas Instruments ADS1115 over I2C: the voltages of up to four inputs.

Registers by the data sheet SBAS444E, section 8.1 (table 8-3): one conversion at a time, each
configured whole. `begin` starts the first input's; each further one takes `read` 2 ms.
"""

import struct

from tidenode import i2c_bus
from tidenode.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec
    from tidenode.i2c_chip import I2cChip

FIELDS = (("input_0_v", 6), ("input_1_v", 6), ("input_2_v", 6), ("input_3_v", 6))
OPTIONS: "Spec" = i2c_bus.options(0x48, 0x4B) + (
    ("inputs", str, "0", 1, 4),  # digits of the inputs that are wired, each against ground
    ("mv_max", int, 4_096, 256, 6_144),  # the smallest range of _RANGES_MV above it
)

_RANGES_MV = (6_144, 4_096, 2_048, 1_024, 512, 256)
_CONVERSION = 0
_CONFIGURATION = 1
_START = 0x8000  # reads as 1 when the conversion has ended
_AGAINST_GROUND = 0x4000
_SINGLE_860_HZ = 0x01E3  # 1.2 ms each; no comparator
_CONVERT_MS = 2


class Ads1115:
    """An ADS1115 of which `inputs` are read. `time` is the VM's module."""

    def __init__(self, chip: "I2cChip", inputs: list[int], gain: int, time: "Any") -> None:
        self._chip = chip
        self._inputs = inputs
        self._gain = gain
        self._time = time
        self._data = bytearray(2)

    def begin(self) -> int:
        """Start the first conversion; return its milliseconds."""
        self._start(self._inputs[0])
        return _CONVERT_MS

    def read(self) -> "tuple[int | None, ...]":
        """Return microvolts; None for an input that is not wired."""
        values: list[int | None] = [None, None, None, None]
        for number in self._inputs:
            if number != self._inputs[0]:
                self._start(number)
                self._time.sleep_ms(_CONVERT_MS)
            values[number] = self._microvolts(number)
        return tuple(values)

    def _start(self, number: int) -> None:
        self._chip.write(struct.pack(">BH", _CONFIGURATION, self._configuration(number)))

    def _configuration(self, number: int) -> int:
        return _START | _AGAINST_GROUND | number << 12 | self._gain << 9 | _SINGLE_860_HZ

    def _microvolts(self, number: int) -> int:
        chip, data = self._chip, self._data
        chip.read_into(data, _CONFIGURATION)
        if struct.unpack(">H", data)[0] != self._configuration(number):
            raise chip.error("it was reset, or is slow")
        chip.read_into(data, _CONVERSION)
        raw: int = struct.unpack(">h", data)[0]
        if raw in (-32_768, 32_767):
            raise chip.error("input %d is beyond its range" % number)
        return raw * _RANGES_MV[self._gain] * 125 >> 12  # by 1000 / 32768


def create(options: "dict[str, Any]", hardware: "Any") -> Ads1115:
    """Return the sensor that `options` describe. Raises ConfigError for inputs it has not."""
    import time

    inputs = sorted(options["inputs"])
    if "".join(inputs).strip("0123") or len(set(inputs)) < len(inputs):
        raise ConfigError(["inputs: must be digits of 0 to 3, not %r" % options["inputs"]])
    gain = 0
    while gain < 5 and _RANGES_MV[gain + 1] >= options["mv_max"]:
        gain += 1
    chip = i2c_bus.open_chip("ADS1115", options, hardware)
    return Ads1115(chip, [int(one) for one in inputs], gain, time)
