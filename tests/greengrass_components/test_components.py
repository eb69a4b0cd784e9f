"""Every example is valid, libraries are the project's, and components run from their folders."""

import asyncio
import json
import re
import signal
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tidectl.field_simulation import FieldSimulation
from tidegate.alarm_bell import TOPIC as ALARM_TOPIC
from tidegate.command_link import CLOUD_TOPIC, LOCAL_TOPIC, CommandsFrom
from tidegate.outbox import Outbox
from tidegate.tag_map import read_tag_map
from tidewire import decode

ROOT = Path(__file__).parents[2]
COMPONENTS = sorted(path.parent for path in ROOT.glob("greengrass_components/*/recipe.yaml"))
ADAPTERS = [folder for folder in COMPONENTS if (folder / "tags.yaml").exists()]
WAIT_S_MAX = 40.0


def pins() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return {*project["dependencies"], *(one for extra in extras for one in extra)}


@pytest.mark.parametrize("folder", COMPONENTS, ids=lambda folder: folder.name)
def test_a_component_installs_the_versions_that_the_project_is_tested_with(folder: Path) -> None:
    wanted = [line for line in (folder / "requirements.txt").read_text().splitlines() if line]
    assert set(wanted) <= pins()
    assert wanted == sorted(wanted)


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_an_example_of_a_tag_map_is_one_that_its_adapter_takes(folder: Path) -> None:
    tag_map = read_tag_map(folder / "tags.yaml")
    main = (folder / "main.py").read_text()
    assert re.search(rf"from tidegate\.{tag_map.kind.name}\.kind import KIND", main)
    for bus in tag_map.buses:
        adapter = tag_map.kind.make(bus.settings)
        assert all(adapter.plan(group) for group in bus.groups)


@pytest.mark.parametrize("folder", COMPONENTS, ids=lambda folder: folder.name)
def test_whose_samples_have_a_site_is_told_it_by_gateway_up(folder: Path) -> None:
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    defaults = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    if "outbox" in defaults:  # `up` sets the site of those that have one of these
        assert defaults.keys() & {"site", "tag_map"}


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_an_adapter_takes_commands_of_whom_its_configuration_says_and_tells_of_alarms(
    folder: Path,
) -> None:
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    configuration = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    assert configuration["commands"] == CommandsFrom.NOBODY
    granted = {
        (operation.rpartition("#")[2], resource)
        for policies in configuration["accessControl"].values()
        for policy in policies.values()
        for operation in policy["operations"]
        for resource in policy["resources"]
    }
    assert granted >= {
        ("SubscribeToTopic", f"{LOCAL_TOPIC}/+"),
        ("PublishToTopic", f"{LOCAL_TOPIC}/*"),
        ("PublishToTopic", f"{ALARM_TOPIC}/*"),
        ("SubscribeToIoTCore", f"{CLOUD_TOPIC}/*"),
        ("PublishToIoTCore", f"{CLOUD_TOPIC}/*"),
    }


def kept(state: Path) -> set[str]:
    """Return the fields of every measurement in an outbox, as `measurement.field`."""
    outbox = Outbox(state / "outbox")
    batches = [decode(entry.payload) for entry in outbox.batches.peek(0)]
    outbox.close()
    return {
        f"{batch.measurement}.{column.name}"
        for batch in batches
        for column in batch.columns
        if any(value is not None for value in column.values)
    }


def test_components_run_from_their_folders_and_end_at_sigterm_with_all_on_disk(
    tmp_path: Path,
) -> None:
    async def run(folder: str, configuration: dict[str, object]) -> set[str]:
        state = tmp_path / folder
        state.mkdir()
        (state / "configuration.json").write_text(json.dumps(configuration))
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "greengrass_components" / folder / "main.py"),
            "--configuration", "configuration.json", cwd=state, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr
        log = b""
        rows = state / "outbox/rows/00000000000000000000.seg"
        async with asyncio.timeout(WAIT_S_MAX):
            while not rows.exists() or not rows.stat().st_size:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        log = await process.stderr.read()
        assert await process.wait() == 0, log.decode()
        assert b"Traceback" not in log, log.decode()
        return kept(state)

    async def scene() -> tuple[set[str], set[str], set[str]]:
        async with FieldSimulation({"opcua": 0, "s7": 0}) as simulation:
            where = simulation.addresses()
            opcua = {"connections": {"plant": {"url": where["opcua"]["url"]}}}
            s7 = {"connections": {"plc": {"url": where["s7"]["url"]}}}
            return await asyncio.gather(
                run("opcua_adapter", opcua), run("s7_adapter", s7), run("host_metrics", {})
            )

    opcua, s7, host = asyncio.run(scene())
    assert {"tank.level_m", "tank.quality"} <= opcua or {"heater.power_kw"} <= opcua
    assert {"tank_s7.level_m"} <= s7 or {"pump_s7.speed_percent"} <= s7
    assert {"host.memory_used_percent", "host.disk_free_bytes"} <= host
