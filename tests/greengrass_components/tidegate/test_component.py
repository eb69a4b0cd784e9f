"""A component with a real SNMP agent: what is polled and what is told are buses of their own."""

import asyncio
from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.bus_listener import BusListener
from tidegate.bus_worker import BusWorker
from tidegate.component import Component
from tidegate.component_settings import read_settings
from tidegate.errors import GateError
from tidegate.outbox import Outbox
from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH
from tidegate.simulators.snmp_agent import TRAP_LEVEL_LOW, SnmpAgent, oid_of
from tidegate.snmp.kind import KIND
from tidegate.tag_map import read_tag_map

WAIT_S_MAX = 20.0


def dotted(oid: tuple[int, ...]) -> str:
    return ".".join(map(str, oid))


def made(folder: Path, agent_port: int, trap_port: int) -> Component:
    nobody = free_port_udp()
    level = f"[{{field: level_m, address: {dotted(oid_of(BY_PATH['tank.level_m']))}}}]"
    path = folder / "tags.yaml"
    path.write_text(
        "adapter: snmp\nconnections:\n  agents: {trap_host: 127.0.0.1, timeout_ms: 300, retries: 0,"
        f" trap_port: {trap_port}}}\ngroups:\n"
        f"- {{measurement: tank, unit: 127.0.0.1:{agent_port}, period_ms: 50, tags: {level}}}\n"
        f"- {{measurement: gone, unit: 127.0.0.1:{nobody}, period_ms: 50, tags: {level}}}\n"
        f"- {{measurement: low, trap: {dotted(TRAP_LEVEL_LOW)}, tags: {level}}}\n"
    )
    outbox = Outbox(folder / "outbox")
    settings = read_settings({"health_period_ms": 0}, "snmp")
    try:
        return Component(KIND, settings, read_tag_map(path), outbox)
    except GateError:
        outbox.close()
        raise


@in_loop
async def test_agents_are_polled_as_any_unit_and_traps_heard_beside(tmp_path: Path) -> None:
    trap_port = free_port_udp()
    async with SnmpAgent(Plant(seed=1), trap_port=trap_port) as agent:
        component = made(tmp_path, agent.port, trap_port)
        worker, listener = component.buses
        assert isinstance(worker, BusWorker), "so that a full outbox slows it down"
        assert isinstance(listener, BusListener)
        assert (worker.name, listener.name) == ("agents", "agents, told")
        await component.start()
        groups = {group.measurement: group for group in component.tag_map.groups}
        async with asyncio.timeout(WAIT_S_MAX):
            tank = groups["tank"]
            while tank not in component.intake.latest or not worker.silent_units:
                await asyncio.sleep(0.01)
            while component.intake.latest[tank].values == (None,):  # a slow machine: once more
                await asyncio.sleep(0.01)
            await agent.trap()
            while groups["low"] not in component.intake.latest:
                await asyncio.sleep(0.01)
        latest = {name: component.intake.latest[group].values for name, group in groups.items()}
        assert latest["gone"] == (None,)
        assert latest["low"] == latest["tank"] != (None,)
        facts = component.health.facts()
        assert facts["units_silent"] == 1
        assert facts["traps"] == 1
        assert isinstance(facts["failures"], int)
        assert facts["failures"] >= 1
        await component.stop()
        component.outbox.close()


@in_loop
async def test_settings_that_can_not_be_are_told_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"^tags\.yaml:3: connection agents: trap_port is"):
        made(tmp_path, 161, 70_000)
