"""`tidectl gateway browse` finds the plant in its servers, and its map reads it."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tidectl.field_simulation import FieldSimulation
from tidegate.simulators.points import POINTS
from tidegate.tag_map import read_tag_map

TIDECTL = Path(sys.executable).parent / "tidectl"


async def browse(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        TIDECTL, "gateway", "browse", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def test_every_point_of_the_plant_is_found_and_can_be_read(tmp_path: Path) -> None:
    async def scene() -> None:
        async with FieldSimulation({"opcua": 0, "ethernetip": 0}) as simulation:
            for kind, where in simulation.addresses().items():
                code, out, err = await browse(where["url"])
                assert (code, f"{len(POINTS)} values" in err) == (0, True), err
                path = tmp_path / f"{kind}.yaml"
                path.write_text(out)
                tag_map = read_tag_map(path)
                (bus,) = tag_map.buses
                adapter = tag_map.kind.make(bus.settings)
                await adapter.connect()
                for group in bus.groups:
                    assert (await adapter.poll(group)).qualities is None
                await adapter.close()
            code, out, _ = await browse(simulation.addresses()["opcua"]["url"], "--json")
            level = next(one for one in json.loads(out) if one["name"] == "level_m")
            assert (level["unit"], level["low"], level["high"]) == ("m", 0.0, 2.5)
            assert level["folder"] == "plant/tank"
            assert level["writable"] is False

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://plc", "can't be browsed"),
        ("opc.tcp://127.0.0.1:1/", "can't connect"),
        ("enip://127.0.0.1:1", "can't read the tags"),
    ],
)
def test_what_can_not_be_browsed_is_one_clear_line(url: str, message: str) -> None:
    code, _, err = asyncio.run(browse(url))
    assert code == 1
    assert message in err
    assert "Traceback" not in err
