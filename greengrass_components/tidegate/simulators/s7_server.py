"""The plant as an S7 controller keeps it: a data block for each piece of equipment.

DB1 is the pump, DB2 the tank, DB3 the valve, DB4 the heater. In each stand first the reals and
double words, then the words, then the bits, in the order of `POINTS`; `offset_of` tells where.
DB10 has texts that nobody but clients writes: a STRING[20] at byte 0, CHAR[8] at byte 22.
python-snap7's server serves them from threads of its own.
"""

import asyncio
import random
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from snap7 import Server, SrvArea
from snap7.datatypes import S7Area, S7WordLen

from tidegate.simulators.free_port import free_port
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import MODBUS_UNITS, POINTS, Kind, Point, Reading

TEXT_BLOCK, TEXT_ROOM = 10, 20
_HARDWARE_ERROR = 0x01
_FORMATS = {Kind.FLOAT32: ">f", Kind.UINT32: ">I", Kind.UINT16: ">H"}


@dataclass(frozen=True, slots=True)
class Offset:
    """Where a point stands in its data block; `bit` counts only for `Kind.BOOL`."""

    block: int
    byte: int
    bit: int = 0

    def address(self, kind: Kind) -> str:
        """Return the address as engineers write it, as in `DB2.DBD0:REAL`."""
        head = f"DB{self.block}.DB"
        if kind is Kind.BOOL:
            return f"{head}X{self.byte}.{self.bit}"
        if kind is Kind.UINT16:
            return f"{head}W{self.byte}"
        return f"{head}D{self.byte}" + (":REAL" if kind is Kind.FLOAT32 else "")


def offset_of(point: Point) -> Offset:
    """Return where `point` stands."""
    return _OFFSETS[point.path]


class _FieldServer(Server):
    """The library's server writes a whole byte where one bit is meant; this one the bit.

    `exceptions` is the share of reads that end with a hardware error.
    """

    exceptions = 0.0
    dice = random.Random(0)  # noqa: S311  faults, no secret

    def _read_from_memory_area(
        self, area: S7Area, db_number: int, start: int, count: int
    ) -> tuple[int, bytearray]:
        if self.exceptions and self.dice.random() < self.exceptions:
            return _HARDWARE_ERROR, bytearray()
        return super()._read_from_memory_area(area, db_number, start, count)

    def _parse_address_specification(self, addr_spec: bytes) -> dict[str, Any]:
        parsed = super()._parse_address_specification(addr_spec)
        return {**parsed, "bit": addr_spec[11] & 7} if parsed else parsed

    def _parse_write_address(self, request: dict[str, Any]) -> Any:
        found = super()._parse_write_address(request)
        where = request["parameters"].get("address_spec", {})
        if not found or where.get("word_len") != S7WordLen.BIT:
            return found
        area, block, start, count, data = found
        _, there = super()._read_from_memory_area(area, block, start, 1)
        mask = 1 << where["bit"]
        for byte in there:
            data = bytearray([byte | mask if data[0] & 1 else byte & ~mask])
        return area, block, start, count, data


class S7Server:
    """Serves `plant` on loopback; `dead` equipment has no data block, as after a lost module.

    `exceptions` is the share of reads that are refused with a hardware error.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        dead: Collection[str] = (),
        exceptions: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.port = port or free_port()
        self._plant = plant
        self._server = _FieldServer(log=False)
        self._server.exceptions = exceptions
        self._server.dice = random.Random(seed)  # noqa: S311  faults, no secret
        self._blocks = {
            equipment: bytearray(_block_bytes(block)) for equipment, block in MODBUS_UNITS.items()
        }
        self.texts = bytearray([TEXT_ROOM, *bytes(TEXT_ROOM + 1), *b" " * 8])
        self._server.register_area(SrvArea.DB, TEXT_BLOCK, self.texts)
        self._shown: dict[str, Reading] = {}
        for equipment in MODBUS_UNITS:
            if equipment not in dead:
                self.add(equipment)

    def add(self, equipment: str) -> None:
        """Have the data block of `equipment`, as after a download to the controller."""
        block = MODBUS_UNITS[equipment]
        self._server.register_area(SrvArea.DB, block, self._blocks[equipment])

    async def __aenter__(self) -> Self:
        await self.show()
        self._server.start_to("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._server.stop)

    def block(self, equipment: str) -> bytes:
        """Return the data block of `equipment` as it is now."""
        return bytes(self._blocks[equipment])

    async def show(self) -> None:
        """Take what clients wrote to setpoints, then show what the plant measures now.

        A value that the plant refuses is replaced by the one in force, as a controller's own
        program does.
        """
        for point in POINTS:
            data, offset = self._blocks[point.equipment], offset_of(point)
            value = self._plant.measured[point.path]
            if point.writable:
                there = _get(data, offset, point.kind)
                if point.path in self._shown and there != self._shown[point.path]:
                    try:
                        self._plant.write(point.path, there)
                        value = there
                    except PlantError:
                        pass
            _put(data, offset, point.kind, value)
            if point.writable:
                self._shown[point.path] = _get(data, offset, point.kind)


def _get(data: bytearray, offset: Offset, kind: Kind) -> Reading:
    if kind is Kind.BOOL:
        return bool(data[offset.byte] >> offset.bit & 1)
    value: Reading = struct.unpack_from(_FORMATS[kind], data, offset.byte)[0]
    return value


def _put(data: bytearray, offset: Offset, kind: Kind, value: Reading) -> None:
    if kind is Kind.BOOL:
        mask = 1 << offset.bit
        data[offset.byte] = data[offset.byte] & ~mask | (mask if value else 0)
    else:
        struct.pack_into(_FORMATS[kind], data, offset.byte, value)


def _offsets() -> dict[str, Offset]:
    places: dict[str, Offset] = {}
    for equipment, block in MODBUS_UNITS.items():
        mine = [point for point in POINTS if point.equipment == equipment]
        byte = 0
        for kinds in ((Kind.FLOAT32, Kind.UINT32), (Kind.UINT16,)):
            for point in mine:
                if point.kind in kinds:
                    places[point.path] = Offset(block, byte)
                    byte += 2 * point.registers
        bits = [point for point in mine if point.kind is Kind.BOOL]
        for number, point in enumerate(bits):
            places[point.path] = Offset(block, byte + number // 8, number % 8)
    return places


def _block_bytes(block: int) -> int:
    """Return the size of a data block, a whole number of words."""
    ends = [
        offset.byte + 2 * point.registers
        for point in POINTS
        if (offset := _OFFSETS[point.path]).block == block
    ]
    return (max(ends) + 1) // 2 * 2


_OFFSETS = _offsets()
