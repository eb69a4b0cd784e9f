"""The EtherNet/IP adapter against a stand-in of a Logix controller that shows the plant.

The stand-in is ours, since no free one answers pycomm3; it is held to pycomm3 itself, which reads
the list of tags, many tags in a packet and long arrays in fragments from it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pycomm3 import LogixDriver

from tidegate.errors import GateError
from tidegate.ethernetip.adapter import (
    LIST_AGAIN_S_MAX,
    LIST_AGAIN_S_MIN,
    EthernetIpAdapter,
    check_address,
)
from tidegate.ethernetip.errors import EthernetIpDownError, EthernetIpError
from tidegate.ethernetip.settings import EthernetIpSettings, read_settings
from tidegate.group import Group
from tidegate.setting_reader import SettingsError
from tidegate.simulators.logix_controller import LEVELS, TEXT, LogixController, tag_of
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH, POINTS
from tidegate.simulators.slow_link import SlowLink
from tidegate.tag import Tag


def tag(path: str, **facts: object) -> Tag:
    return Tag(field=path.replace(".", "_"), address=tag_of(BY_PATH[path]), **facts)  # type: ignore[arg-type]  # a test's shorthand


def group(*tags: Tag) -> Group:
    return Group(thing="plc-1", measurement="plant", tags=tags)


def run(
    scene: Callable[[Plant, LogixController, EthernetIpAdapter], Awaitable[None]], **facts: object
) -> None:
    async def whole() -> None:
        plant = Plant(seed=1)
        async with LogixController(plant, **facts) as controller:  # type: ignore[arg-type]  # a test's shorthand
            adapter = EthernetIpAdapter(
                EthernetIpSettings(host="127.0.0.1", port=controller.port, timeout_ms=2000)
            )
            await adapter.connect()
            try:
                await scene(plant, controller, adapter)
            finally:
                await adapter.close()

    asyncio.run(whole())


def test_every_point_of_the_plant_is_read_in_one_packet() -> None:
    async def scene(plant: Plant, controller: LogixController, adapter: EthernetIpAdapter) -> None:
        everything = group(*(tag(point.path) for point in POINTS))
        await adapter.poll(group(tag("tank.level_m")))  # opens the connection for packets
        before = controller.requests
        sample = await adapter.poll(everything)
        assert controller.requests - before == 1 == len(adapter.plan(everything))
        assert sample.qualities is None
        for point, value in zip(POINTS, sample.values, strict=True):
            assert value == pytest.approx(plant.measured[point.path]), point.path

    run(scene)


def test_elements_scales_and_tags_that_are_not_there(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(plant: Plant, controller: LogixController, adapter: EthernetIpAdapter) -> None:
        plant.advance(30)
        await controller.show()
        level = pytest.approx(float(plant.measured["tank.level_m"]))
        wanted = group(
            tag("tank.level_m", scale=100.0),
            Tag(field="newest", address=f"{LEVELS}[1199]"),
            Tag(field="all", address=LEVELS + "[0]"),
            tag("heater.power_kw"),
            Tag(field="absent", address="nothing.Speed"),
        )
        for _ in range(3):
            sample = await adapter.poll(wanted)
        told = [record.getMessage() for record in caplog.records]
        assert [text.partition(":")[0] for text in told] == [
            "no value of tag heater_power_kw", "no value of tag nothing.Speed",
        ], "once, and nothing of pycomm3's"  # fmt: skip
        assert sample.values[0] == pytest.approx(float(plant.measured["tank.level_m"]) * 100)
        assert sample.values[1:] == (level, 0.0, None, None)
        assert sample.qualities == bytes([0, 0, 0, 2, 2])

    run(scene, dead=["heater"])


def test_a_tag_that_is_added_later_is_found_and_one_that_goes_is_looked_for() -> None:
    async def scene(_plant: Plant, controller: LogixController, _adapter: object) -> None:
        now_s = 0.0
        adapter = EthernetIpAdapter(
            EthernetIpSettings(host="127.0.0.1", port=controller.port), clock_s=lambda: now_s
        )
        await adapter.connect()
        wanted = group(tag("tank.level_m"), tag("heater.power_kw"))

        async def bad() -> list[bool]:
            return [value is None for value in (await adapter.poll(wanted)).values]

        assert await bad() == [False, True]
        controller.add("heater")
        before = controller.requests
        assert await bad() == [False, True]
        assert controller.requests - before == 1, "the list is not read at each poll"
        now_s += LIST_AGAIN_S_MIN
        assert await bad() == [False, False]

        controller.remove("heater")
        requests = []
        for _ in range(40):
            now_s += LIST_AGAIN_S_MIN
            before = controller.requests
            assert await bad() == [False, True]
            requests.append(controller.requests - before)
        lists = sum(count > 1 for count in requests)
        assert 3 <= lists <= 8, "ever more rarely"
        controller.add("heater")
        now_s += LIST_AGAIN_S_MAX
        assert await bad() == [False, False]
        await adapter.close()

    run(scene, dead=["heater"])


def test_a_write_is_in_the_tags_type_and_a_refusal_told() -> None:
    async def scene(plant: Plant, _controller: LogixController, adapter: EthernetIpAdapter) -> None:
        setpoints = group(
            tag("valve.setpoint_percent", scale=0.1), tag("pump.auto"), tag("tank.level_m"),
            tag("pump.starts"),
        )  # fmt: skip
        await adapter.write(setpoints, "valve_setpoint_percent", 2.5)
        assert plant.measured["valve.setpoint_percent"] == pytest.approx(25.0)
        await adapter.write(setpoints, "pump_auto", False)
        assert plant.measured["pump.auto"] is False
        for field, value, message in (
            ("valve_setpoint_percent", 12.5, "invalid attribute value"),
            ("tank_level_m", 1.0, "Permission denied"),
            ("pump_starts", 1.5, "takes whole numbers"),
            ("nonsense", 1, "no field nonsense"),
        ):
            with pytest.raises(GateError, match=message):
                await adapter.write(setpoints, field, value)

    run(scene)


def test_a_text_is_written_into_a_string_and_nowhere_else() -> None:
    async def scene(_plant: Plant, controller: LogixController, adapter: EthernetIpAdapter) -> None:
        texts = group(Tag(field="batch", address=TEXT), tag("valve.setpoint_percent"))
        await adapter.write(texts, "batch", "Grün 4711")
        assert controller.text == "Grün 4711"
        assert (await adapter.poll(texts)).values[0] == "Grün 4711"
        for field, value, message in (
            ("batch", "x" * 83, "83 characters, and STRING has 82"),
            ("batch", "東京", "STRING has no character '東'"),
            ("valve_setpoint_percent", "12", "is REAL: it takes no text"),
        ):
            with pytest.raises(EthernetIpError, match=message):
                await adapter.write(texts, field, value)
        assert controller.text == "Grün 4711"

    run(scene)


def test_a_lost_connection_is_told_and_can_be_made_again() -> None:
    async def scene(
        _plant: Plant, controller: LogixController, _adapter: EthernetIpAdapter
    ) -> None:
        async with SlowLink(controller.port) as link:
            adapter = EthernetIpAdapter(
                EthernetIpSettings(host="127.0.0.1", port=link.port, timeout_ms=500)
            )
            await adapter.connect()
            read = group(tag("tank.level_m"), tag("pump.auto"))
            await adapter.poll(read)
            link.cut()
            with pytest.raises(EthernetIpDownError):
                await adapter.poll(read)
            with pytest.raises(EthernetIpDownError, match="not connected"):
                await adapter.poll(read)
            await adapter.connect()
            assert (await adapter.poll(read)).qualities is None
            await adapter.close()

    run(scene)


def test_a_long_array_comes_in_fragments_from_the_stand_in() -> None:
    async def scene(plant: Plant, controller: LogixController, _adapter: EthernetIpAdapter) -> None:
        def read() -> list[float]:
            with LogixDriver(f"127.0.0.1:{controller.port}") as driver:
                values: list[float] = driver.read(LEVELS + "{1200}").value
                return values

        values = await asyncio.to_thread(read)
        assert len(values) == 1200
        assert values[-1] == pytest.approx(plant.measured["tank.level_m"])

    run(scene)


def test_an_absent_controller_is_told_with_the_cause() -> None:
    adapter = EthernetIpAdapter(EthernetIpSettings(host="127.0.0.1", port=1, timeout_ms=500))
    with pytest.raises(EthernetIpDownError, match=r"127\.0\.0\.1:1 slot 0: Failed to"):
        asyncio.run(adapter.connect())


@pytest.mark.parametrize("text", ["tank_level_m", "Motors[3].Speed", "Program:Main.Step", "a[1,2]"])
def test_what_controllers_have_is_a_tag(text: str) -> None:
    check_address(text)


@pytest.mark.parametrize("text", ["", "3", "a b", "a[", "a[x]", "Program:Main"])
def test_what_can_not_be_a_tag_is_told(text: str) -> None:
    with pytest.raises(EthernetIpError, match="is no tag, as in"):
        check_address(text)


def test_a_url_names_the_slot() -> None:
    assert read_settings({"url": "enip://plc:44819/2"}) == EthernetIpSettings(
        host="plc", port=44_819, slot=2
    )
    with pytest.raises(SettingsError, match="not enip://HOST"):
        read_settings({"url": "plc"})
