"""The component's own tag map, against the simulated plant: values, setpoints, a dead unit."""

from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.errors import UnitSilentError
from tidegate.modbus.kind import KIND
from tidegate.sample import Value
from tidegate.simulators.modbus_plant import ModbusPlant
from tidegate.simulators.plant import Plant
from tidegate.tag_map import read_tag_map

TAGS = Path("greengrass_components/modbus_adapter/tags.yaml")


async def read(port: int, *, write: tuple[str, str, Value] | None = None) -> dict[str, Value]:
    """Return the example's values by measurement and field, after a write if need be."""
    found = read_tag_map(TAGS, kind=KIND, connections={"plant": {"url": f"tcp://127.0.0.1:{port}"}})
    adapter = KIND.make({**found.buses[0].settings, "timeout_ms": 100})
    await adapter.connect()
    values: dict[str, Value] = {}
    try:
        for group in found.groups:
            if write and group.measurement == write[0]:
                await adapter.write(group, write[1], write[2])
            sample = await adapter.poll(group)
            assert sample.qualities is None
            names = (f"{group.measurement}.{tag.field}" for tag in group.tags)
            values |= dict(zip(names, sample.values, strict=True))
    finally:
        await adapter.close()
    return values


@in_loop
async def test_every_tag_of_the_example_is_what_the_plant_measures() -> None:
    plant = Plant(seed=7)
    plant.advance(100)
    async with ModbusPlant(plant) as server:
        values = await read(server.port)
        assert len(values) == 13
        for path, value in values.items():
            assert value == pytest.approx(plant.measured[path], abs=0.01), path
        plant.advance(50)
        await server.show()
        after = await read(server.port)
        assert after["tank.level_m"] != values["tank.level_m"]


@in_loop
async def test_a_setpoint_that_is_written_moves_the_plant() -> None:
    plant = Plant(seed=7)
    async with ModbusPlant(plant) as server:
        values = await read(server.port, write=("pump", "speed_setpoint_percent", 33.5))
        assert values["pump.speed_setpoint_percent"] == 33.5
        assert plant.measured["pump.auto"] is False  # by hand from now on
        refused = await read(server.port, write=("tank", "level_setpoint_m", 9.0))
        assert refused["tank.level_setpoint_m"] == pytest.approx(1.6)  # the plant takes no such


@in_loop
async def test_equipment_that_is_dead_does_not_answer() -> None:
    async with ModbusPlant(Plant(seed=7), dead=["pump"]) as server:
        with pytest.raises(UnitSilentError):
            await read(server.port)
