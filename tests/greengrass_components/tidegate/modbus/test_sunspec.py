"""SunSpec: a device that says what it has becomes a tag map that reads just that."""

import json
import struct
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.modbus.address import Table
from tidegate.modbus.errors import ModbusError
from tidegate.modbus.kind import KIND
from tidegate.modbus.link import Link
from tidegate.modbus.settings import read_settings
from tidegate.modbus.sunspec import BASES, POINTS, discover, tag_map_of
from tidegate.simulators.modbus import ModbusServer, ModbusUnit
from tidegate.tag_map import read_tag_map

# The SunSpec Alliance's types and units, as ours.
TYPES = {"enum16": "uint16", "bitfield32": "uint32"}
UNITS = {"Pct": "%", "C": "degC", None: ""}


def of_the_alliance(number: int) -> dict[int, dict[str, Any]]:
    """Return the points of a model as the alliance defines them, each at its offset."""
    text = (files("sunspec2") / "models" / "json" / f"model_{number}.json").read_text()
    points, at = {}, 0
    for point in json.loads(text)["group"]["points"]:
        points[at] = point
        at += point["size"]
    return points


@pytest.mark.parametrize("number", sorted(POINTS))
def test_points_are_where_the_sunspec_alliance_has_them(number: int) -> None:
    theirs = of_the_alliance(number)
    places = {point["name"]: at for at, point in theirs.items()}
    for point in POINTS[number]:
        defined = theirs[point.offset]
        assert TYPES.get(defined["type"], defined["type"]) == point.type, point
        assert UNITS.get(defined.get("units"), defined.get("units")) == point.unit, point
        assert places.get(defined.get("sf")) == point.scale_offset, point


def test_texts_of_the_common_model_are_where_the_sunspec_alliance_has_them() -> None:
    theirs = of_the_alliance(1)
    found = {
        at: (point["name"], point["size"]) for at, point in theirs.items() if at in (2, 18, 50)
    }
    assert found == {2: ("Mn", 16), 18: ("Md", 16), 50: ("SN", 16)}


def test_a_counter_at_its_highest_value_is_not_missing() -> None:
    (energy,) = [point for point in POINTS[103] if point.field == "energy_wh"]
    assert energy.missing is None  # of 32 bits of a flag field, all ones mean that there is none


def inverter(base: int) -> ModbusUnit:
    """Return a unit with the models 1 and 103, a model nobody knows, and 203."""
    unit = ModbusUnit(absent=[(Table.HOLDING, one, one + 1) for one in BASES if one != base])
    texts = (b"Sunny", b"Roof 10", b"", b"1.0", b"S7")
    common = struct.pack(">HH32s32s16s16s32sHH", 1, 66, *texts, 1, 0)
    words = [0xFFFF] * 52
    for offset in (18, 19, 20, 21, 22, 23, 31, 32):  # signed: not there
        words[offset] = 0x8000
    words[:2] = [103, 50]
    words[2], words[6] = 123, 0xFFFE  # 1.23 A
    words[14], words[15] = 0x10000 - 500, 1  # -5000 W
    words[33], words[37] = 0x8000, 0xFFFF  # no cabinet temperature
    words[34] = 415  # 41.5 degrees
    words[24:27] = [0x0001, 0x0000, 0]  # 65536 Wh
    words[38] = 4
    strange = struct.pack(">HHHH", 64_999, 2, 7, 7)
    meter = [0x8000] * 107
    meter[:2] = [203, 105]
    meter[18], meter[22] = 777, 0
    data = b"SunS" + common + struct.pack(">52H", *words) + strange + struct.pack(">107H", *meter)
    unit.put(Table.HOLDING, base, data + b"\xff\xff\0\0")
    return unit


@pytest.mark.parametrize("base", BASES)
@in_loop
async def test_an_inverter_becomes_a_tag_map_and_its_values(base: int, tmp_path: Path) -> None:
    async with ModbusServer({3: inverter(base)}) as server:
        url = f"tcp://127.0.0.1:{server.port}"
        link = Link(read_settings({"url": url}))
        await link.connect()
        device = await discover(link, 3, 1.0)
        link.close()
        assert (device.maker, device.name, device.serial) == ("Sunny", "Roof 10", "S7")
        assert [model.number for model in device.models] == [1, 103, 64_999, 203]
        (tmp_path / "tags.yaml").write_text(tag_map_of([device], url))
        found = read_tag_map(tmp_path / "tags.yaml", kind=KIND)
        assert [group.measurement for group in found.groups] == ["inverter_3", "meter_3"]
        adapter = KIND.make(found.buses[0].settings)
        await adapter.connect()
        values = {}
        for group in found.groups:
            sample = await adapter.poll(group)
            values |= dict(zip((tag.field for tag in group.tags), sample.values, strict=True))
            if group.measurement == "inverter_3":
                assert values == {
                    "current_a": 1.23, "power_w": -5000, "energy_wh": 65_536,
                    "heat_sink_temperature_c": 41.5, "state": 4,
                }  # fmt: skip
        assert values["power_w"] == 777
        await adapter.close()


@in_loop
async def test_a_device_that_speaks_no_sunspec_is_told() -> None:
    async with ModbusServer({1: ModbusUnit()}) as server:
        link = Link(read_settings({"url": f"tcp://127.0.0.1:{server.port}"}))
        await link.connect()
        with pytest.raises(ModbusError, match="no 'SunS'"):
            await discover(link, 1, 1.0)
        link.close()
