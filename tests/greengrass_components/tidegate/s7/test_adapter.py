"""The S7 adapter against a real S7 server that shows the plant."""

import asyncio

import pytest

from tidegate.breaker import MAX_S
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.s7.adapter import S7Adapter
from tidegate.s7.errors import S7AdapterError
from tidegate.s7.settings import S7Settings, read_settings
from tidegate.setting_reader import SettingsError
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH, POINTS
from tidegate.simulators.s7_server import TEXT_ROOM, S7Server, offset_of
from tidegate.simulators.slow_link import SlowLink
from tidegate.tag import Tag


def tag(path: str, **facts: object) -> Tag:
    point = BY_PATH[path]
    return Tag(field=path.replace(".", "_"), address=offset_of(point).address(point.kind), **facts)  # type: ignore[arg-type]  # a test's shorthand


def group(*tags: Tag) -> Group:
    return Group(thing="plc-1", measurement="plant", tags=tags)


def test_every_point_of_the_plant_is_read_in_one_request_a_block() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant) as server:
            adapter = S7Adapter(S7Settings(host="127.0.0.1", port=server.port))
            await adapter.connect()
            everything = group(*(tag(point.path) for point in POINTS))
            assert len(adapter.plan(everything)) == 4
            sample = await adapter.poll(everything)
            assert adapter.requests == 4
            assert sample.qualities is None
            for point, value in zip(POINTS, sample.values, strict=True):
                assert value == pytest.approx(plant.measured[point.path]), point.path
            await adapter.close()

    asyncio.run(scene())


def test_what_the_controller_does_not_have_is_bad_and_costs_its_neighbours_nothing() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant, dead=["heater"]) as server:
            settings = S7Settings(host="127.0.0.1", port=server.port)
            adapter = S7Adapter(settings, clock_s=lambda: 0.0)
            await adapter.connect()
            mixed = group(
                tag("tank.level_m", scale=100.0),
                Tag(field="beyond", address="DB2.DBD40:REAL"),
                tag("heater.power_kw"),
                tag("pump.running"),
            )
            for expected_requests in (
                5,
                7,
            ):  # 3 blocks and the 2 values of one; then the 2 there are
                sample = await adapter.poll(mixed)
                level, beyond, power, running = sample.values
                assert level == pytest.approx(float(plant.measured["tank.level_m"]) * 100)
                assert (beyond, power, running) == (None, None, True)
                assert sample.qualities == bytes([0, Quality.BAD, Quality.BAD, 0])
                assert adapter.requests == expected_requests
            await adapter.close()

    asyncio.run(scene())


def test_an_absent_block_is_asked_for_ever_more_rarely_and_whole_once_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        now_s = 0.0
        async with S7Server(Plant(seed=1), dead=["heater"]) as server:
            settings = S7Settings(host="127.0.0.1", port=server.port)
            adapter = S7Adapter(settings, clock_s=lambda: now_s)
            await adapter.connect()
            absent = group(tag("heater.power_kw"), tag("heater.on"))
            for _ in range(600):
                assert (await adapter.poll(absent)).values == (None, None)
                now_s += 1.0
            tries = adapter.requests / 3  # of the whole, and both values
            assert 10 <= tries <= 30
            server.add("heater")
            now_s += MAX_S
            before = adapter.requests
            for _ in range(2):
                assert None not in (await adapter.poll(absent)).values
            assert adapter.requests - before == 2, "in one request, as if it had always been there"
            await adapter.close()

    caplog.set_level("INFO", "tidegate.s7")
    asyncio.run(scene())
    told = [one.getMessage() for one in caplog.records if one.name == "tidegate.s7"]
    assert [text.partition(" of ")[0] for text in told] == ["no values", "there are values"]


def test_a_passing_error_is_bad_once_and_does_not_tear_the_block_apart() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant, exceptions=0.3, seed=3) as server:
            adapter = S7Adapter(S7Settings(host="127.0.0.1", port=server.port))
            await adapter.connect()
            read = group(tag("tank.level_m"), tag("tank.temperature_c"))
            samples = [await adapter.poll(read) for _ in range(40)]
            bad = sum(sample.qualities is not None for sample in samples)
            assert 0 < bad < 40
            assert all(sample.values == (None, None) for sample in samples if sample.qualities)
            assert (adapter.requests, adapter.refused) == (40, bad)
            assert len(adapter.plan(read)) == 1
            await adapter.close()

    asyncio.run(scene())


def test_a_write_sets_one_value_and_a_bit_leaves_its_neighbours() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant) as server:
            adapter = S7Adapter(S7Settings(host="127.0.0.1", port=server.port))
            await adapter.connect()
            setpoints = group(tag("valve.setpoint_percent", scale=0.1), tag("pump.auto"))
            await adapter.write(setpoints, "valve_setpoint_percent", 2.5)
            await server.show()
            assert plant.measured["valve.setpoint_percent"] == pytest.approx(25.0)
            await adapter.write(setpoints, "pump_auto", False)
            block = server.block("pump")
            assert block[offset_of(BY_PATH["pump.auto"]).byte] & 0b111 == 0b001, "running stays"
            await server.show()
            assert plant.measured["pump.auto"] is False
            with pytest.raises(GateError, match="no field nonsense"):
                await adapter.write(setpoints, "nonsense", 1)
            await adapter.close()

    asyncio.run(scene())


def test_a_text_is_written_within_the_room_that_the_controllers_program_gave_it() -> None:
    async def scene() -> None:
        async with S7Server(Plant(seed=1)) as server:
            adapter = S7Adapter(S7Settings(host="127.0.0.1", port=server.port))
            await adapter.connect()
            texts = group(
                Tag(field="batch", address="DB10.DBB0:STRING[40]"),  # says the tag map
                Tag(field="code", address="DB10.DBB22:CHAR[8]"),
            )
            await adapter.write(texts, "batch", "Grün 4711")
            await adapter.write(texts, "code", "A7")
            too_long = "x" * (TEXT_ROOM + 1)
            with pytest.raises(S7AdapterError, match="21 characters, and the controller has 20"):
                await adapter.write(texts, "batch", too_long)
            with pytest.raises(GateError, match="does not fit STRING"):
                await adapter.write(texts, "batch", "東京")
            assert bytes(server.texts[:11]) == bytes([TEXT_ROOM, 9]) + "Grün 4711".encode("latin-1")
            assert bytes(server.texts[TEXT_ROOM + 2 :]) == b"A7".ljust(8)
            read = group(Tag(field="batch", address="DB10.DBB0:STRING[20]"), texts.tags[1])
            assert (await adapter.poll(read)).values == ("Grün 4711", "A7")
            await adapter.close()

    asyncio.run(scene())


def test_a_controller_that_falls_silent_is_told_and_can_be_connected_again() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant) as server, SlowLink(server.port) as link:
            adapter = S7Adapter(S7Settings(host="127.0.0.1", port=link.port, timeout_ms=300))
            await adapter.connect()
            read = group(tag("tank.level_m"))
            await adapter.poll(read)
            link.pause()
            with pytest.raises(S7AdapterError, match="no answer to DB2 bytes 0 to 3"):
                await adapter.poll(read)
            with pytest.raises(S7AdapterError, match="not connected"):
                await adapter.poll(read)
            link.resume()
            await adapter.connect()
            assert (await adapter.poll(read)).qualities is None
            await adapter.close()

    asyncio.run(scene())


def test_an_absent_controller_is_told_with_what_to_look_at() -> None:
    with pytest.raises(S7AdapterError, match=r"127\.0\.0\.1:1 rack 0 slot 1: .*PUT/GET"):
        asyncio.run(S7Adapter(S7Settings(host="127.0.0.1", port=1)).connect())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s7://plc", S7Settings(host="plc")),
        ("s7://192.0.2.1:1102/0/2", S7Settings(host="192.0.2.1", port=1102, slot=2)),
    ],
)
def test_a_url_names_rack_and_slot(url: str, expected: S7Settings) -> None:
    assert read_settings({"url": url}) == expected


def test_mistakes_of_settings_are_told_together() -> None:
    with pytest.raises(SettingsError, match=r"url is 'tcp://plc', not s7.*; timeout_ms is 1, not"):
        read_settings({"url": "tcp://plc", "timeout_ms": "1"})


def test_a_controller_that_accepts_and_says_nothing_is_told_so() -> None:
    async def scene() -> None:
        server = await asyncio.start_server(lambda reader, _: reader.read(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        adapter = S7Adapter(S7Settings(host="127.0.0.1", port=port, timeout_ms=100))
        with pytest.raises(S7AdapterError, match=": no answer; is PUT/GET permitted"):
            await adapter.connect()
        server.close()

    asyncio.run(scene())
