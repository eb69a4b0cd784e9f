"""The SNMP adapter against a real agent that shows the plant, by versions 1, 2c and 3."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample
from tidegate.setting_reader import SettingsError
from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH, POINTS, Kind, Point
from tidegate.simulators.snmp_agent import TRAP_LEVEL_LOW, SnmpAgent, oid_of
from tidegate.snmp.adapter import SnmpAdapter
from tidegate.snmp.errors import SnmpDownError, SnmpError, SnmpSilentError
from tidegate.snmp.settings import SnmpSettings, parse_oid, read_settings
from tidegate.tag import Tag

USER = ("gateway", "authentication", "privacy-key")
WAIT_S_MAX = 5.0


def dotted(oid: tuple[int, ...]) -> str:
    return ".".join(map(str, oid))


def tag(point: Point) -> Tag:
    scale = 0.01 if point.kind is Kind.FLOAT32 else 1.0
    kind = "truth" if point.kind is Kind.BOOL else ""
    return Tag(
        field=point.path.replace(".", "_"), address=dotted(oid_of(point)), scale=scale, type=kind
    )


def group(port: int, *tags: Tag, **options: str) -> Group:
    return Group(
        thing="t", measurement="plant", unit=f"127.0.0.1:{port}" if port else "", tags=tags,
        options=options,
    )  # fmt: skip


def run(
    scene: Callable[[Plant, SnmpAgent, SnmpAdapter], Awaitable[None]],
    settings: SnmpSettings | None = None,
    **facts: object,
) -> None:
    async def whole() -> None:
        plant = Plant(seed=1)
        async with SnmpAgent(plant, **facts) as agent:  # type: ignore[arg-type]  # a test's shorthand
            adapter = SnmpAdapter(settings or SnmpSettings(timeout_ms=300, retries=0))
            await adapter.connect()
            try:
                await scene(plant, agent, adapter)
            finally:
                await adapter.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    "settings",
    [
        SnmpSettings(timeout_ms=1000),
        SnmpSettings(timeout_ms=1000, version="1"),
        SnmpSettings(
            timeout_ms=1000, version="3", user=USER[0], authentication="sha",
            authentication_key=USER[1], privacy_key=USER[2],
        ),
    ],
    ids=["2c", "1", "3"],
)  # fmt: skip
def test_every_point_is_read_in_each_version(settings: SnmpSettings) -> None:
    async def scene(plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        everything = group(agent.port, *(tag(point) for point in POINTS))
        sample = await adapter.poll(everything)
        assert sample.qualities is None
        for point, value in zip(POINTS, sample.values, strict=True):
            assert value == pytest.approx(plant.measured[point.path], abs=0.0051), point.path
        if settings.version != "3":  # which first finds out the agent's clock
            assert adapter.health()["requests"] == len(adapter.plan(everything)) == 2

    run(scene, settings, user=USER)


@pytest.mark.parametrize("version", ["1", "2c"])
def test_what_the_agent_does_not_have_is_bad_and_the_rest_is_read(version: str) -> None:
    async def scene(plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        read = group(
            agent.port,
            Tag(field="absent", address="1.3.6.1.4.1.1.1.0"),
            tag(BY_PATH["heater.power_kw"]),
            tag(BY_PATH["pump.starts"]),
            Tag(field="text", address=".1.3.6.1.2.1.1.1.0"),
            Tag(field="no_number", address="1.3.6.1.2.1.1.1.0", type="number"),
        )
        sample = await adapter.poll(read)
        starts = plant.measured["pump.starts"]
        assert sample.values == (None, None, starts, "Tidegauge plant", None)
        assert sample.qualities == bytes([2, 2, 0, 0, Quality.BAD])

    run(scene, SnmpSettings(timeout_ms=1000, version=version), dead=["heater"])


def test_an_object_that_the_agent_fails_at_costs_itself_and_no_other() -> None:
    async def scene(plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        agent.failing.add(oid_of(BY_PATH["pump.starts"]))
        read = group(agent.port, *(tag(BY_PATH[path]) for path in ("pump.starts", "pump.auto")))
        sample = await adapter.poll(read)
        assert sample.values == (None, plant.measured["pump.auto"])
        assert sample.qualities == bytes([Quality.BAD, 0])

    run(scene)


def test_an_answer_too_big_halves_the_request_from_then_on() -> None:
    async def scene(_plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        agent.objects_max = 8
        everything = group(agent.port, *(tag(point) for point in POINTS))
        assert (await adapter.poll(everything)).qualities is None
        before = adapter.health()["requests"]
        await adapter.poll(everything)
        assert adapter.health()["requests"] - before == -(-len(POINTS) // 5)

    run(scene, SnmpSettings(timeout_ms=1000))


def test_a_write_keeps_the_objects_type_and_says_what_was_refused() -> None:
    async def scene(plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        setpoints = group(
            agent.port,
            *(tag(BY_PATH[p]) for p in ("valve.setpoint_percent", "pump.auto", "tank.level_m")),
        )
        await adapter.write(setpoints, "valve_setpoint_percent", 12.5)
        assert plant.measured["valve.setpoint_percent"] == 12.5
        await adapter.write(setpoints, "pump_auto", False)
        assert plant.measured["pump.auto"] is False
        for field, value, message in (
            ("valve_setpoint_percent", 125.0, "refuses: wrongValue"),
            ("valve_setpoint_percent", 12.505, "whole numbers of its raw value"),
            ("tank_level_m", 1.0, "refuses: notWritable"),
            ("nonsense", 1, "no field nonsense"),
        ):
            with pytest.raises(GateError, match=message):
                await adapter.write(setpoints, field, value)

    run(scene, SnmpSettings(timeout_ms=1000))


def test_a_silent_agent_and_a_wrong_community_are_told_alike() -> None:
    async def scene(_plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        with pytest.raises(SnmpSilentError, match="are community or user right"):
            await adapter.poll(group(agent.port, tag(BY_PATH["tank.level_m"])))

    run(scene, SnmpSettings(timeout_ms=100, retries=0, community="wrong"))


def test_traps_become_samples_of_the_groups_that_wait_for_them() -> None:
    trap_port = free_port_udp()

    async def scene(plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        told: asyncio.Queue[Sample] = asyncio.Queue()
        level = tag(BY_PATH["tank.level_m"])
        trapped = group(0, level, trap=dotted(TRAP_LEVEL_LOW))
        others = Group(
            thing="t", measurement="others", unit="192.0.2.1", tags=(level,),
            options={"trap": dotted(TRAP_LEVEL_LOW)},
        )  # fmt: skip
        assert adapter.plan(trapped) == [f"listen for trap {dotted(TRAP_LEVEL_LOW)}"]
        listening = asyncio.create_task(adapter.subscribe([trapped, others], told.put_nowait))
        async with asyncio.timeout(WAIT_S_MAX):
            await asyncio.sleep(0)  # the port is open then
            await agent.trap()
            sample = await told.get()
        assert sample.group is trapped
        assert sample.values == (pytest.approx(plant.measured["tank.level_m"], abs=0.0051),)
        assert adapter.health()["traps"] == 1
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    settings = SnmpSettings(timeout_ms=1000, trap_host="127.0.0.1", trap_port=trap_port)
    run(scene, settings, trap_port=trap_port)


def test_waiting_for_traps_without_a_port_or_with_one_taken_is_told() -> None:
    waiting = group(0, tag(BY_PATH["tank.level_m"]), trap="1.3.6.1")

    async def without() -> None:
        await SnmpAdapter(SnmpSettings()).subscribe([waiting], lambda _: None)

    with pytest.raises(SnmpError, match="set trap_port"):
        asyncio.run(without())

    async def taken(_plant: Plant, agent: SnmpAgent, adapter: SnmpAdapter) -> None:
        await adapter.poll(group(agent.port, tag(BY_PATH["tank.level_m"])))  # it is open now
        settings = SnmpSettings(trap_host="127.0.0.1", trap_port=agent.port)
        with pytest.raises(SnmpDownError, match="can't listen for traps at 127"):
            await SnmpAdapter(settings).subscribe([waiting], lambda _: None)

    run(taken)


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "community").write_text("s3cret\n")
    settings = read_settings({"community_file": str(tmp_path / "community"), "retries": "0"})
    assert settings.community == "s3cret"
    assert "s3cret" not in repr(settings)
    with pytest.raises(SettingsError, match=r"community_file .*absent can't.*; user is missing"):
        read_settings({"version": "3", "community_file": str(tmp_path / "absent")})


@pytest.mark.parametrize("text", ["", "1", "1.3.x", "1..3", "1.3.4294967296", "sysUpTime.0"])
def test_what_is_no_object_identifier_is_told(text: str) -> None:
    with pytest.raises(SnmpError, match=r"as in 1\.3\.6\.1"):
        parse_oid(text)
