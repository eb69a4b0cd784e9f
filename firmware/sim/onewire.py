"""Stand in for the board's module `onewire`: a bus whose devices are the part at its pin.

Open drain: where two devices answer, a zero of one wins. A device has `rom`, `reset()`,
`write(byte)` and `read()`, which returns 0xFF where it has nothing to say.
"""

import crc8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class OneWireError(Exception):
    """Nobody is there who was required to be."""


class Bus:
    """Devices on one line: the part at a pin."""

    def __init__(self) -> None:
        self.devices: list[Any] = []


class OneWire:
    """The master."""

    MATCH_ROM, SKIP_ROM, SEARCH_ROM = 0x55, 0xCC, 0xF0

    def __init__(self, pin: "Any") -> None:
        self._pin = pin

    def reset(self, required: bool = False) -> bool:
        """Return whether someone is there."""
        devices = self._devices()
        for device in devices:
            device.reset()
        if required and not devices:
            raise OneWireError
        return bool(devices)

    def writebyte(self, byte: int) -> None:
        """Write a byte to all."""
        for device in self._devices():
            device.write(byte)

    def write(self, data: bytes) -> None:
        """Write `data` to all."""
        for byte in data:
            self.writebyte(byte)

    def readbyte(self) -> int:
        """Return a byte."""
        byte = 0xFF
        for device in self._devices():
            byte &= device.read()
        return byte

    def readinto(self, buffer: bytearray) -> None:
        """Fill `buffer`."""
        for place in range(len(buffer)):
            buffer[place] = self.readbyte()

    def select_rom(self, rom: bytes) -> None:
        """Address one device."""
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def scan(self) -> "list[bytearray]":
        """Return the addresses of all."""
        return [bytearray(device.rom) for device in self._devices()]

    def crc8(self, data: bytes) -> int:
        """Return the checksum of `data`; of data with its checksum behind it is 0."""
        return crc8.maxim(data)

    def _devices(self) -> "list[Any]":
        bus = self._pin.part()
        return bus.devices if bus else []
