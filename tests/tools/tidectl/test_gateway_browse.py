"""`tidectl gateway browse` finds the plant in its servers, and its map reads it."""

import asyncio
import sys
from pathlib import Path

import pytest

from tidectl.field_simulation import FieldSimulation
from tidegate.browsed import tag_map_text
from tidegate.ethernetip.browse import browse as browse_tags
from tidegate.ethernetip.settings import read_settings
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
        ports = {"opcua": 0, "ethernetip": 0}
        async with FieldSimulation(ports, keys=tmp_path / "server") as simulation:
            where = {kind: one["url"] for kind, one in simulation.addresses().items()}
            code, out, err = await browse(
                where["opcua"], "--policy", "Aes128Sha256RsaOaep", "--mode", "Sign",
                "--keys", str(tmp_path / "keys"),
            )  # fmt: skip
            assert (code, f"{len(POINTS) + 1} values" in err) == (0, True), err
            tags = await browse_tags(read_settings({"url": where["ethernetip"]}))
            texts = {
                "opcua": out,
                "ethernetip": tag_map_text("ethernetip", where["ethernetip"], tags),
            }
            for kind, text in texts.items():
                path = tmp_path / f"{kind}.yaml"
                path.write_text(text)
                tag_map = read_tag_map(path)
                (bus,) = tag_map.buses
                count = sum(len(group.tags) for group in bus.groups)
                assert count == len(POINTS) + 1, "a text, too"
                own = {"keys": str(tmp_path / "keys")} if kind == "opcua" else {}
                adapter = tag_map.kind.make({**bus.settings, **own})
                await adapter.connect()
                for group in bus.groups:
                    assert (await adapter.poll(group)).qualities is None
                await adapter.close()
            assert 'policy: "Aes128Sha256RsaOaep", mode: "Sign"}' in out
            lines = texts["ethernetip"].splitlines()
            level = next(line for line in out.splitlines() if ";s=tank.level_m" in line)
            assert 'field: "level_m"' in level
            assert 'unit: "m", low: 0, high: 2.5}' in level
            assert "may be written" not in level
            assert any("batch" in line and "write_characters_max" in line for line in lines)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://plc", "can't be browsed"),
        ("enip://127.0.0.1:1", "can't read the tags"),
    ],
)
def test_what_can_not_be_browsed_is_one_clear_line(url: str, message: str) -> None:
    code, _, err = asyncio.run(browse(url))
    assert code == 1
    assert message in err
    assert "Traceback" not in err
