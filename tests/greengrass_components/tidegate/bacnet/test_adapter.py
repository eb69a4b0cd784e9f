"""The BACnet adapter against a real BACnet/IP device that shows the plant."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tidegate.bacnet.adapter import OBJECTS_PER_READ, BacnetAdapter, BacnetSettings, read_settings
from tidegate.bacnet.address import BacnetAddress, BacnetError, parse_address
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample
from tidegate.setting_reader import SettingsError
from tidegate.simulators.bacnet_device import BacnetDevice, object_of
from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH, POINTS
from tidegate.tag import Tag

WAIT_S_MAX = 10.0
Scene = Callable[[Plant, BacnetDevice, BacnetAdapter], Awaitable[None]]


def tag(path: str, **facts: object) -> Tag:
    return Tag(field=path.replace(".", "_"), address=object_of(BY_PATH[path]), **facts)  # type: ignore[arg-type]  # a test's shorthand


def group(port: int, *tags: Tag) -> Group:
    return Group(thing="ahu-1", measurement="plant", unit=f"127.0.0.1:{port}", tags=tags)


def run(scene: Scene, **facts: object) -> None:
    async def whole() -> None:
        plant = Plant(seed=1)
        async with BacnetDevice(plant, **facts) as device:  # type: ignore[arg-type]  # a test's shorthand
            settings = BacnetSettings(
                address="127.0.0.1/8", port=free_port_udp(), timeout_ms=500, cov_s=60
            )
            adapter = BacnetAdapter(settings)
            await adapter.connect()
            try:
                await scene(plant, device, adapter)
            finally:
                await adapter.close()

    asyncio.run(whole())


def test_every_point_of_the_plant_is_read_in_few_requests() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        everything = group(device.port, *(tag(point.path) for point in POINTS))
        sample = await adapter.poll(everything)
        assert sample.qualities is None
        for point, value in zip(POINTS, sample.values, strict=True):
            assert value == pytest.approx(plant.measured[point.path]), point.path
        requests = -(-len(POINTS) // OBJECTS_PER_READ)
        assert adapter.requests == requests == len(adapter.plan(everything))

    run(scene)


def test_flags_scale_properties_and_absent_objects() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        sample = await adapter.poll(
            group(
                device.port,
                tag("tank.level_m", scale=100.0),
                tag("heater.power_kw"),
                Tag(field="absent", address="ai9999"),
                Tag(field="name", address=object_of(BY_PATH["tank.level_m"]) + " object-name"),
            )
        )
        level, power, absent, name = sample.values
        assert level == pytest.approx(float(plant.measured["tank.level_m"]) * 100)
        assert (power, absent, name) == (None, None, "tank.level_m")
        assert sample.qualities == bytes([0, Quality.BAD, Quality.BAD, 0])

    run(scene, dead=["heater"])


def test_a_device_without_the_service_for_many_is_read_one_by_one() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        read = group(device.port, tag("tank.level_m"), Tag(field="absent", address="ai9999"))
        for _ in range(2):
            sample = await adapter.poll(read)
            assert sample.values == (pytest.approx(plant.measured["tank.level_m"]), None)

    run(scene, multiple=False)


def test_a_device_of_short_answers_is_asked_for_fewer_objects_and_keeps_its_size() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        paths = [point.path for point in POINTS][:12]
        read = group(device.port, *(tag(path) for path in paths))
        for asked in (2 + 4, 2 + 4 + 4):  # 12 and 6 are too many, then four times 3
            sample = await adapter.poll(read)
            expected = [pytest.approx(plant.measured[path]) for path in paths]
            assert (list(sample.values), sample.qualities) == (expected, None)
            assert adapter.requests == asked

    run(scene, objects_max=5)


def test_an_error_of_the_device_is_told_and_the_next_reading_is_whole() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        read = group(device.port, tag("tank.level_m"))
        told = []
        for _ in range(20):
            try:
                told.append((await adapter.poll(read)).values)
            except BacnetError as error:
                told.append((str(error).rpartition(": ")[2],))
        level = (pytest.approx(plant.measured["tank.level_m"]),)
        failures = [one for one in told if one != level]
        assert 0 < len(failures) < len(told)
        assert set(failures) == {("operational-problem",)}

    run(scene, exceptions=0.4, seed=5)


def test_a_subscription_that_works_again_ends_the_polling_in_its_place() -> None:
    async def scene(_plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        told: asyncio.Queue[Sample] = asyncio.Queue()
        watched = group(device.port, tag("tank.level_m"))
        adapter._untold[watched] = {0}  # as after an error
        following = asyncio.create_task(adapter.subscribe([watched], told.put_nowait))
        async with asyncio.timeout(WAIT_S_MAX):
            while adapter.notifications < 1:
                await told.get()
        assert adapter._untold == {watched: set()}
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    run(scene)


def test_changes_of_value_come_by_themselves() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        told: asyncio.Queue[Sample] = asyncio.Queue()
        watched = group(device.port, tag("tank.level_m"), tag("pump.auto"))
        following = asyncio.create_task(adapter.subscribe([watched], told.put_nowait))
        async with asyncio.timeout(WAIT_S_MAX):
            while adapter.notifications < 2:
                await told.get()
            asked = adapter.requests
            plant.advance(30)
            await device.show()
            level = plant.measured["tank.level_m"]
            while (await told.get()).values != (pytest.approx(level), True):
                pass
            plant.write("pump.auto", False)
            await device.show()
            while (await told.get()).values != (pytest.approx(level), False):
                pass
        assert adapter.requests == asked, "the device told it, unasked"
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    run(scene)


def test_a_write_sets_what_the_device_takes() -> None:
    async def scene(plant: Plant, device: BacnetDevice, adapter: BacnetAdapter) -> None:
        setpoints = group(
            device.port, tag("valve.setpoint_percent", scale=0.1), tag("pump.auto"),
            tag("tank.level_m"),
        )  # fmt: skip
        await adapter.write(setpoints, "valve_setpoint_percent", 2.5)
        await adapter.write(setpoints, "pump_auto", False)
        await device.show()
        assert plant.measured["valve.setpoint_percent"] == pytest.approx(25.0)
        assert plant.measured["pump.auto"] is False
        with pytest.raises(GateError, match="no field nonsense"):
            await adapter.write(setpoints, "nonsense", 1)

    run(scene)


def test_a_device_that_does_not_answer_is_told() -> None:
    async def scene(_plant: Plant, _device: BacnetDevice, adapter: BacnetAdapter) -> None:
        with pytest.raises(BacnetError, match="no answer from"):
            await adapter.poll(group(free_port_udp(), tag("tank.level_m")))

    run(scene)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("analog-input,201", BacnetAddress("analog-input,201")),
        ("AI201", BacnetAddress("analog-input,201")),
        ("bv 3", BacnetAddress("binary-value,3")),
        ("av3 relinquish-default", BacnetAddress("analog-value,3", "relinquish-default")),
    ],
)
def test_addresses_are_read_long_and_short(text: str, expected: BacnetAddress) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "201", "analog-input", "ai5000000", "ai1 2"])
def test_a_wrong_address_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(BacnetError, match="as in analog-input,201"):
        parse_address(text)


def test_settings_want_the_networks_prefix() -> None:
    assert read_settings({"address": "192.0.2.5/24"}).port == 47_808
    with pytest.raises(SettingsError, match="not like 192"):
        read_settings({"address": "192.0.2.5"})
