"""A voltage at a pin of the ESP32's own converter, averaged and scaled.

`read_uv` is calibrated in the chip's factory. On an ESP32 only GPIO 32 to 39 can be read
beside Wi-Fi, which has the second converter to itself.
"""

from tidenode.config import REQUIRED
from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("voltage_v", 6),)
OPTIONS: "Spec" = (
    ("pin", int, REQUIRED, 0, 48),
    ("attenuation_db", int, 11, 0, 11),  # 0, 2 (and a half), 6 or 11: up to 1, 1.3, 1.8 or 3.1 V
    ("samples", int, 16, 1, 64),
    # What a divider or a bias did to the voltage: times `multiply`, by `divide`, plus `offset_uv`.
    ("multiply", int, 1, -1_000_000, 1_000_000),
    ("divide", int, 1, 1, 1_000_000),
    ("offset_uv", int, 0, -1_000_000_000, 1_000_000_000),
)


class Adc:
    """The mean of `samples` readings of `adc`, scaled."""

    def __init__(self, adc: "Any", options: "dict[str, Any]") -> None:
        self._adc = adc
        self._pin = options["pin"]
        self._samples = options["samples"]
        self._multiply = options["multiply"]
        self._divide = options["divide"] * options["samples"]
        self._offset_uv = options["offset_uv"]

    def read(self) -> tuple[int]:
        """Return microvolts."""
        read_uv, total_uv = self._adc.read_uv, 0
        try:
            for _ in range(self._samples):
                total_uv += read_uv()
        except OSError as error:  # Wi-Fi has the converter
            raise SensorError("ADC at pin %d: %r" % (self._pin, error))
        half = self._divide // 2
        scaled_uv: int = (total_uv * self._multiply + half) // self._divide + self._offset_uv
        return (scaled_uv,)


def create(options: "dict[str, Any]", hardware: "Any") -> Adc:
    """Return the converter that `options` describe."""
    adc, decibels = hardware.ADC, options["attenuation_db"]
    attenuation = adc.ATTN_11DB
    for highest, smaller in ((6, adc.ATTN_6DB), (2, adc.ATTN_2_5DB), (0, adc.ATTN_0DB)):
        if decibels <= highest:
            attenuation = smaller
    return Adc(adc(hardware.Pin(options["pin"]), atten=attenuation), options)
