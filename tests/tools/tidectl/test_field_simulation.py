"""The simulated plant is served in every protocol, and the same in all of them."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.field_simulation import KINDS, FieldSimulation
from tidegate.adapter_kind import find_kind
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.simulators.bacnet_device import object_of
from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.logix_controller import tag_of
from tidegate.simulators.plant import PlantError
from tidegate.simulators.points import BY_PATH
from tidegate.simulators.s7_server import offset_of
from tidegate.simulators.snmp_agent import oid_of
from tidegate.tag import Tag

LEVEL = BY_PATH["tank.level_m"]
TIDECTL = Path(sys.executable).parent / "tidectl"


def tags(url: str) -> dict[str, tuple[str, dict[str, str], Tag]]:
    """Return of each protocol the unit, the settings and a tag that read the level."""
    address = {
        "modbus": Tag(field="level_m", address="input:0", type="float32"),
        "opcua": Tag(field="level_m", address="ns=2;s=tank.level_m"),
        "s7": Tag(field="level_m", address=offset_of(LEVEL).address(LEVEL.kind)),
        "bacnet": Tag(field="level_m", address=object_of(LEVEL)),
        "ethernetip": Tag(field="level_m", address=tag_of(LEVEL)),
        "snmp": Tag(field="level_m", address=".".join(map(str, oid_of(LEVEL))), scale=0.01),
    }
    own = {"address": "127.0.0.1/8", "port": str(free_port_udp())}
    units = {"modbus": "2", "bacnet": url, "snmp": url}
    settings = {"bacnet": own, "snmp": {}}
    return {
        kind: (units.get(kind, ""), settings.get(kind, {"url": url}), tag)
        for kind, tag in address.items()
    }


def test_every_protocol_shows_the_same_plant_and_its_url_is_what_the_adapter_takes() -> None:
    async def scene() -> None:
        simulation = FieldSimulation(dict.fromkeys(KINDS, 0), tick_ms=60_000, round_trip_ms=1)
        async with simulation:
            for kind, where in simulation.addresses().items():
                unit, settings, tag = tags(where["url"])[kind]
                adapter = find_kind(kind).make(settings)
                await adapter.connect()
                group = Group(thing="t", measurement="m", unit=unit, tags=(tag,))
                (level,) = (await adapter.poll(group)).values
                await adapter.close()
                assert level == pytest.approx(simulation.plant.measured[LEVEL.path], abs=0.006), (
                    kind
                )

    asyncio.run(scene())


def test_every_protocol_has_the_errors_that_were_asked_for() -> None:
    async def scene() -> None:
        simulation = FieldSimulation(dict.fromkeys(KINDS, 0), tick_ms=60_000, exceptions=1.0)
        async with simulation:
            for kind, where in simulation.addresses().items():
                unit, settings, tag = tags(where["url"])[kind]
                adapter = find_kind(kind).make(settings)
                await adapter.connect()
                group = Group(thing="t", measurement="m", unit=unit, tags=(tag,))
                with contextlib.suppress(GateError):
                    assert (await adapter.poll(group)).values == (None,), kind
                await adapter.close()

    asyncio.run(scene())


def test_an_agent_that_is_slower_than_its_reader_waits_does_not_answer() -> None:
    async def scene() -> None:
        async with FieldSimulation({"snmp": 0}, round_trip_ms=60_000) as simulation:
            unit, _, tag = tags(simulation.addresses()["snmp"]["url"])["snmp"]
            adapter = find_kind("snmp").make({"timeout_ms": 100, "retries": 0})
            await adapter.connect()
            group = Group(thing="t", measurement="m", unit=unit, tags=(tag,))
            with pytest.raises(GateError, match="no answer from"):
                await adapter.poll(group)
            await adapter.close()

    asyncio.run(scene())


def test_a_point_that_can_not_drift_is_told_before_anything_starts() -> None:
    with pytest.raises(PlantError, match=r"no point tank\.depth"):
        FieldSimulation({"modbus": 0}, drift_per_h={"tank.depth": 1.0})


def test_the_verb_says_where_it_serves_and_ends_at_once_when_told() -> None:
    process = subprocess.Popen(
        [TIDECTL, "gateway", "sim", "modbus", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    where = json.loads(process.stdout.readline())
    assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", where["modbus"]["url"])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("kind", ["modbus", "opcua", "s7", "ethernetip", "bacnet", "snmp"])
def test_a_port_in_use_is_one_clear_line(tidectl: Run, kind: str) -> None:
    shape = socket.SOCK_DGRAM if kind in ("bacnet", "snmp") else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, shape) as taken:
        taken.bind(("127.0.0.1", 0))
        if shape is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        done = tidectl("gateway", "sim", kind, "--port", str(port))
    assert f"port {port} is in use" in done.complaint()
    assert done.err.splitlines()[-1].endswith("give another port, or 0 for a free one")
