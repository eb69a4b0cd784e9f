"""Texas Instruments INA219 over I2C: voltage, current and power of a supply.

Registers by the data sheet SBOS448G, section 8.6. The current is reckoned here, by the
shunt's resistance, and not by the chip: it needs no calibration then.
"""

import struct

from tidenode import i2c_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec
    from tidenode.i2c_chip import I2cChip

FIELDS = (("voltage_v", 3), ("current_ma", 2), ("power_mw", 1))
OPTIONS: "Spec" = i2c_bus.options(0x40, 0x4F) + (
    ("shunt_microohm", int, 100_000, 100, 10_000_000),
    ("shunt_mv_max", int, 320, 40, 320),  # the smallest range of 40, 80, 160 and 320 above it
)

_CONFIGURATION = 0
_SHUNT = 1
_BUS = 2
_32_V = 0x2000
_16_SAMPLES = 0x0660  # of voltage and of current, a new value every 17 ms
_CONTINUOUS = 7
_READY = 2


class Ina219:
    """An INA219, measuring by itself; `gain` is 0 to 3, for 40 to 320 mV at the shunt."""

    def __init__(self, chip: "I2cChip", shunt_microohm: int, gain: int) -> None:
        self._chip = chip
        self._shunt_microohm = shunt_microohm
        self._configuration = _32_V | gain << 11 | _16_SAMPLES | _CONTINUOUS
        self._shunt_max = 4_000 << gain
        self._data = bytearray(2)
        self._ready = False

    def read(self) -> "tuple[int | None, ...]":
        """Return 1/1000 V, 1/100 mA and 1/10 mW; None until the chip has measured."""
        ready, self._ready = self._ready, False
        chip = self._chip
        if not ready:
            chip.write(struct.pack(">BH", _CONFIGURATION, self._configuration))
        elif self._register(_CONFIGURATION, ">H") != self._configuration:
            raise chip.error("it was reset")
        shunt = self._register(_SHUNT, ">h")
        bus = self._register(_BUS, ">H")
        if bus & _READY and abs(shunt) >= self._shunt_max:
            raise chip.error("the current is beyond its range")
        self._ready = True
        if not bus & _READY:
            return None, None, None
        millivolts = (bus >> 3) * 4
        current = shunt * 1_000_000 // self._shunt_microohm  # of 10 uV by 1/100 mA
        return millivolts, current, (millivolts * current + 5_000) // 10_000

    def _register(self, register: int, form: str) -> int:
        self._chip.read_into(self._data, register)
        number: int = struct.unpack(form, self._data)[0]
        return number


def create(options: "dict[str, Any]", hardware: "Any") -> Ina219:
    """Return the sensor that `options` describe."""
    gain = 0
    while 40 << gain < options["shunt_mv_max"]:
        gain += 1
    return Ina219(i2c_bus.open_chip("INA219", options, hardware), options["shunt_microohm"], gain)
