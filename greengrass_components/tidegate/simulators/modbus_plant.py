"""The plant behind Modbus TCP: pump, tank, valve and heater are units 1 to 4.

Measured values are input registers and discrete inputs, setpoints are holding registers and
switches are coils; 32 bits big-endian, high word first.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Self

from tidegate.modbus.address import Table
from tidegate.simulators.modbus import ModbusFaults, ModbusServer, ModbusUnit
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import MODBUS_UNITS, POINTS, Kind, Point

_CODES = {Kind.FLOAT32: ">f", Kind.UINT16: ">H", Kind.UINT32: ">I"}


class ModbusPlant:
    """The server; `dead` names equipment that does not answer."""

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        dead: Sequence[str] = (),
        round_trip_ms: float = 0.0,
        exceptions: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._plant = plant
        units = {number: ModbusUnit() for number in MODBUS_UNITS.values()}
        for name, number in MODBUS_UNITS.items():
            units[number].on_write = self._writer(name, units[number])
        faults = ModbusFaults(
            round_trip_ms=round_trip_ms,
            dead={MODBUS_UNITS[name] for name in dead},
            exceptions=exceptions,
            seed=seed,
        )
        self.server = ModbusServer(units, port=port, faults=faults)

    @property
    def port(self) -> int:
        """Return the port it serves on."""
        return self.server.port

    async def __aenter__(self) -> Self:
        await self.show()
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__()

    async def show(self) -> None:
        """Put into the registers what the plant measures now."""
        for point in POINTS:
            self._show(point)

    def _show(self, point: Point) -> None:
        unit = self.server.units[MODBUS_UNITS[point.equipment]]
        value = self._plant.measured[point.path]
        if point.kind is Kind.BOOL:
            unit.bits[_table(point)][point.address] = bool(value)
            return
        raw = value if point.kind is Kind.FLOAT32 else round(value)
        unit.put(_table(point), point.address, struct.pack(_CODES[point.kind], raw))

    def _writer(self, equipment: str, unit: ModbusUnit) -> Callable[[Table, int, int], None]:
        def written(table: Table, first: int, count: int) -> None:
            for point in POINTS:
                last = point.address + point.registers - 1
                if (
                    point.equipment != equipment
                    or _table(point) is not table
                    or not point.writable
                    or first > last
                    or first + count <= point.address
                ):
                    continue
                self._take(point, unit)

        return written

    def _take(self, point: Point, unit: ModbusUnit) -> None:
        """Write a point as its registers have it now; what the plant refuses goes back."""
        table = _table(point)
        try:
            if point.kind is Kind.BOOL:
                self._plant.write(point.path, bool(unit.bits[table][point.address]))
            else:
                words = unit.registers[table][point.address : point.address + point.registers]
                data = struct.pack(f">{len(words)}H", *words)
                self._plant.write(point.path, struct.unpack(_CODES[point.kind], data)[0])
        except PlantError:
            pass
        self._show(point)


def _table(point: Point) -> Table:
    if point.kind is Kind.BOOL:
        return Table.COIL if point.writable else Table.DISCRETE
    return Table.HOLDING if point.writable else Table.INPUT
