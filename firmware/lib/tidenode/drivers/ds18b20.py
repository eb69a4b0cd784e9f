"""Maxim DS18B20 on a 1-Wire bus: temperature. Several share a pin, told apart by `rom`.

Commands by the data sheet 19-7487 (revision 6), pages 8 to 13. With a supply of its own: in
parasite mode a conversion needs a strong pull-up, which an ESP32's pin is not.
"""

from tidenode.config import REQUIRED
from tidenode.errors import ConfigError, SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("temperature_c", 4),)
OPTIONS: "Spec" = (
    ("pin", int, REQUIRED, 0, 48),
    ("rom", str, None, 16, 16),  # hexadecimal, as `onewire` scans it; none: alone on its pin
    ("bits", int, 12, 9, 12),
)

_FAMILY = 0x28
_MATCH_ROM = 0x55
_SKIP_ROM = 0xCC
_CONVERT = 0x44
_READ = 0xBE
_WRITE = 0x4E
# Alarms at the ends of its range, where they never go off. The chip takes them for as long as
# it has power: other ones tell that it lost it, and that its 85 degrees are no measurement.
_ALARMS = b"\x7d\xc9"
_CONVERT_MS = (94, 188, 375, 750)


class Ds18b20:
    """A DS18B20 on `wire`, a onewire.OneWire; one of no `rom` is alone there."""

    def __init__(self, wire: "Any", rom: "bytes | None", bits: int, name: str) -> None:
        self._wire = wire
        self._rom = rom
        self._bits = bits
        self._name = name
        self._data = bytearray(9)
        self._ready = False

    def begin(self) -> int:
        """Start a conversion; return its milliseconds."""
        setting = self._bits - 9 << 5 | 0x1F
        if not self._ready:
            self._command(_WRITE)
            self._wire.write(_ALARMS)
            self._wire.writebyte(setting)
        self._ready = False
        self._command(_CONVERT)
        return _CONVERT_MS[self._bits - 9]

    def read(self) -> tuple[int]:
        """Return 1/10000 degrees Celsius, in steps of 1/16."""
        self._ready = False
        self._command(_READ)
        data = self._data
        self._wire.readinto(data)
        if data == b"\xff" * 9:
            raise self._error("no answer")
        if self._wire.crc8(data):
            raise self._error("wrong checksum")
        if data[2:4] != _ALARMS or data[4] != self._bits - 9 << 5 | 0x1F:
            raise self._error("it was reset")
        raw = data[0] | data[1] << 8
        raw -= (raw & 0x8000) << 1
        raw &= -1 << 12 - self._bits  # the bits below are not defined
        if not -55 * 16 <= raw <= 125 * 16:
            raise self._error("%d/16 C is beyond its range" % raw)
        self._ready = True
        return (raw * 625,)

    def _command(self, command: int) -> None:
        wire = self._wire
        if not wire.reset():
            raise self._error("nobody on the bus")
        if self._rom is None:
            wire.writebyte(_SKIP_ROM)
        else:
            wire.writebyte(_MATCH_ROM)
            wire.write(self._rom)
        wire.writebyte(command)

    def _error(self, what: str) -> SensorError:
        self._ready = False
        return SensorError("DS18B20 %s: %s" % (self._name, what))


def create(options: "dict[str, Any]", hardware: "Any") -> Ds18b20:
    """Return the sensor that `options` describe. Raises ConfigError for a `rom` that is none."""
    import onewire

    wire = onewire.OneWire(hardware.Pin(options["pin"]))
    text, rom = options["rom"], None
    if text is not None:
        try:
            rom = bytes.fromhex(text)
        except ValueError:
            rom = b""
        if len(rom) != 8 or rom[0] != _FAMILY or wire.crc8(rom):
            raise ConfigError(["rom: must be 16 hexadecimal digits of a DS18B20, not %r" % text])
    return Ds18b20(wire, rom, options["bits"], "%s at pin %d" % (text or "", options["pin"]))
