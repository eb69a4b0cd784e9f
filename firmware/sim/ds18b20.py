"""A Maxim DS18B20, byte by byte (data sheet 19-7487, revision 6)."""

import struct

import crc8
import onewire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MATCH_ROM = 0x55
_SKIP_ROM = 0xCC
_CONVERT = 0x44
_READ = 0xBE
_WRITE = 0x4E
_POWER_ON = 85 * 16
_EEPROM = b"\x4b\x46\x7f"  # alarms at 75 and 70 degrees, 12 bits, as it leaves the factory
_IDLE, _ROM, _FUNCTION, _TAKE, _GIVE = range(5)


class Ds18b20:
    """The device of `rom`; `celsius()` is what is around it. It has a supply of its own."""

    def __init__(
        self, rom: bytes, celsius: "Callable[[], float]", now_ms: "Callable[[], float]"
    ) -> None:
        self.rom = rom
        self._celsius = celsius
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power, with 85 degrees and what the EEPROM holds."""
        self._state = _IDLE
        self._got = b""
        self._settings = _EEPROM
        self._raw = _POWER_ON
        self._due_ms: float | None = None

    def reset(self) -> None:
        """Listen again, for whom it goes."""
        self._state, self._got = _ROM, b""

    def write(self, byte: int) -> None:
        """Take a byte."""
        if self._state == _ROM:
            self._got += bytes((byte,))
            if self._got[0] == _SKIP_ROM:
                self._state = _FUNCTION
            elif self._got[0] != _MATCH_ROM:
                self._state = _IDLE
            elif len(self._got) == 9:
                self._state = _FUNCTION if self._got[1:] == self.rom else _IDLE
        elif self._state == _FUNCTION:
            self._got = b""
            self._begin(byte)
        elif self._state == _TAKE:
            self._got += bytes((byte,))
            if len(self._got) == 3:
                # Of the configuration only two bits can be written.
                self._settings = self._got[:2] + bytes((self._got[2] & 0x60 | 0x1F,))
                self._state = _IDLE

    def read(self) -> int:
        """Return the next byte of the scratchpad, if that was asked for."""
        if self._state != _GIVE or not self._got:
            return 0xFF
        byte, self._got = self._got[0], self._got[1:]
        return byte

    def _begin(self, function: int) -> None:
        self._state = _IDLE
        if function == _CONVERT:
            self._due_ms = self._now_ms() + 750 / (1 << self._spared_bits())
        elif function == _WRITE:
            self._state = _TAKE
        elif function == _READ:
            self._state, self._got = _GIVE, self._scratchpad()

    def _spared_bits(self) -> int:
        return 3 - (self._settings[2] >> 5 & 3)

    def _scratchpad(self) -> bytes:
        if self._due_ms is not None and self._now_ms() >= self._due_ms:
            self._due_ms = None
            spared = self._spared_bits()
            self._raw = round(self._celsius() * 16) >> spared << spared
        data = struct.pack("<h", self._raw) + self._settings + b"\xff\x0c\x10"
        return data + bytes((crc8.maxim(data),))


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a DS18B20 on the bus at its pin of `board`."""
    rom = bytes.fromhex(options["rom"] or "")
    if not rom:
        rom = b"\x28\xff\x64\x1e\x83\x16\x03"
        rom += bytes((crc8.maxim(rom),))
    bus = board.parts.setdefault(options["pin"], onewire.Bus())
    number = len(bus.devices)
    bus.devices.append(Ds18b20(rom, lambda: world.climate()[0] - number, world.now_ms))
