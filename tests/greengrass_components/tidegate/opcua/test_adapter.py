"""The OPC UA adapter against a real server: changes, deadbands, loss and return, security."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.opcua.adapter import OpcuaAdapter
from tidegate.opcua.errors import OpcuaError
from tidegate.opcua.settings import MODES, POLICIES, OpcuaSettings, read_settings
from tidegate.quality import Quality
from tidegate.report import Report
from tidegate.sample import Sample
from tidegate.setting_reader import SettingsError
from tidegate.simulators.opcua_server import NAMESPACE, TEXT, OpcuaServer
from tidegate.simulators.plant import Plant
from tidegate.simulators.slow_link import SlowLink
from tidegate.tag import Tag

WAIT_S_MAX = 10.0


def group(*tags: Tag, period_ms: int = 100) -> Group:
    return Group(thing="tank-1", measurement="tank", period_ms=period_ms, tags=tags)


def tag(path: str, **facts: object) -> Tag:
    return Tag(field=path.replace(".", "_"), address=f"ns=2;s={path}", **facts)  # type: ignore[arg-type]  # a test's shorthand


class Delivered:
    """What an adapter delivers, for tests to wait for."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._came = asyncio.Event()

    def __call__(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._came.set()

    async def until(self, wanted: Callable[[Sample], bool]) -> Sample:
        """Return the first sample, from here on, that is `wanted`."""
        seen = 0
        async with asyncio.timeout(WAIT_S_MAX):
            while True:
                for sample in self.samples[seen:]:
                    seen += 1
                    if wanted(sample):
                        return sample
                self._came.clear()
                await self._came.wait()


def is_first(sample: Sample, of: Group, value: object) -> bool:
    """Return whether the sample is of the group, and `value` its first."""
    return sample.group is of and sample.values[0] == pytest.approx(value)


class Scenes:
    """One server for all tests here, since it takes a second to start; one plant for each."""

    def __init__(self, keys: Path) -> None:
        self.runner = asyncio.Runner()
        self.server = OpcuaServer(Plant(seed=1), keys=keys, dead=["heater"])

    def run(self, scene: Callable[[Plant, OpcuaServer], Awaitable[None]]) -> None:
        """Run `scene` beside the server."""

        async def run() -> None:
            await scene(self.server.plant, self.server)

        self.runner.run(run())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    made = Scenes(tmp_path_factory.mktemp("server"))
    with made.runner:
        made.runner.run(made.server.__aenter__())
        yield made
        made.runner.run(made.server.__aexit__())


def settings(server: OpcuaServer, **facts: object) -> OpcuaSettings:
    return OpcuaSettings(url=server.url, timeout_ms=2000, **facts)  # type: ignore[arg-type]  # a test's shorthand


def test_it_reads_writes_and_keeps_what_the_server_says_of_its_values(scenes: Scenes) -> None:
    async def scene(plant: Plant, server: OpcuaServer) -> None:
        adapter = OpcuaAdapter(settings(server))
        await adapter.connect()
        read = group(
            tag("tank.level_m", scale=100.0, unit="cm"),
            Tag(field="flow", address=f"nsu={NAMESPACE};s=pump.flow_l_s"),
            tag("pump.running"),
            tag("heater.power_kw"),
            tag("heater.on", type="status"),
            tag("tank.depth"),
        )
        before_ns = time.time_ns()
        await server.show()
        sample = await adapter.poll(read)
        level, flow, running, power, code, depth = sample.values
        assert level == pytest.approx(float(plant.measured["tank.level_m"]) * 100)
        assert flow == pytest.approx(plant.measured["pump.flow_l_s"])
        assert running is True
        assert (power, depth) == (None, None), "a bad status has no value"
        assert code == 0x80050000, "BadCommunicationError, whole"
        assert sample.qualities == bytes([0, 0, 0, Quality.BAD, 0, Quality.BAD])
        assert before_ns <= sample.at_ns <= sample.received_at_ns, "the source's instant"

        setpoints = group(tag("valve.setpoint_percent", scale=0.1), tag("pump.auto"))
        await adapter.write(setpoints, "valve_setpoint_percent", 1.25)
        assert plant.measured["valve.setpoint_percent"] == pytest.approx(12.5)
        await adapter.write(setpoints, "pump_auto", False)
        assert plant.measured["pump.auto"] is False
        texts = group(Tag(field="batch", address=f"ns=2;s={TEXT}"), tag("valve.setpoint_percent"))
        await adapter.write(texts, "batch", "東京 4711")
        assert (await adapter.poll(texts)).values[0] == "東京 4711"
        with pytest.raises(OpcuaError, match="the node is Float, no text"):
            await adapter.write(texts, "valve_setpoint_percent", "12")
        with pytest.raises(OpcuaError, match="BadOutOfRange"):
            await adapter.write(setpoints, "valve_setpoint_percent", 12.5)
        with pytest.raises(GateError, match="no field nonsense"):
            await adapter.write(setpoints, "nonsense", 1)
        await adapter.close()
        with pytest.raises(OpcuaError, match="not connected"):
            await adapter.poll(read)

    scenes.run(scene)


def test_changes_come_with_their_instants_and_small_ones_not_at_all(scenes: Scenes) -> None:
    async def scene(plant: Plant, server: OpcuaServer) -> None:
        adapter = OpcuaAdapter(settings(server))
        await adapter.connect()
        told = Delivered()
        exact = group(tag("tank.level_m"), tag("pump.auto"))
        coarse = group(
            tag("tank.temperature_c", options={"server_deadband": "1 %"}),  # of 0 to 100
            tag("pump.speed_percent", report=Report(deadband=1000.0)),
            tag("tank.depth"),
        )
        listening = asyncio.create_task(adapter.subscribe([exact, coarse], told))
        await told.until(lambda s: s.group is exact)
        first = await told.until(lambda s: s.group is coarse and s.values[1] is not None)
        assert first.values[2] is None
        assert first.qualities == bytes([0, 0, Quality.BAD])
        for _ in range(3):
            plant.advance(1)
            await server.show()
        level = plant.measured["tank.level_m"]
        sample = await told.until(
            lambda s: s.group is exact and s.values[0] == pytest.approx(level)
        )
        assert sample.values[1] is plant.measured["pump.auto"], "unchanged, so it stays"
        instants = [s.at_ns for s in told.samples if s.group is exact]
        assert len(set(instants)) >= 4, "each show has its own instant"
        assert instants == sorted(instants)
        coarse_before = [s for s in told.samples if s.group is coarse]
        plant.write("heater.enabled", False)
        plant.advance(1800)  # the temperature falls by more than one degree
        await server.show()
        warm = plant.measured["tank.temperature_c"]
        sample = await told.until(
            lambda s: s.group is coarse and s.values[0] == pytest.approx(warm)
        )
        speeds = {s.values[1] for s in told.samples if s.group is coarse and s.values[1]}
        assert len(speeds) == 1, "the server's deadband held it back"
        assert len(coarse_before) <= 3, "the start, and nothing since"
        assert adapter.health()["notifications"] >= 4, "while it is connected, too"
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await adapter.close()

    scenes.run(scene)


def test_after_a_loss_all_is_bad_once_and_a_new_client_subscribes_again(scenes: Scenes) -> None:
    async def scene(plant: Plant, server: OpcuaServer) -> None:
        async with SlowLink(server.port) as link:
            url = f"opc.tcp://127.0.0.1:{link.port}/plant"
            adapter = OpcuaAdapter(
                OpcuaSettings(url=url, timeout_ms=1000, retry_ms_max=100), retry_ms_min=50
            )
            await adapter.connect()
            told = Delivered()
            watched = group(tag("tank.level_m"), tag("pump.auto"))
            listening = asyncio.create_task(adapter.subscribe([watched], told))
            await told.until(lambda s: s.values[0] is not None)
            link.cut()
            link.refuse()
            lost = await told.until(
                lambda s: s.qualities == bytes([2, 2]) and len(told.samples) > 1
            )
            assert lost.values == (None, None)
            link.refuse(False)
            plant.advance(10)
            await server.show()
            level = plant.measured["tank.level_m"]
            await told.until(lambda s: s.values[0] == pytest.approx(level))
            assert adapter.connects >= 2
            assert sum(s.qualities == bytes([2, 2]) for s in told.samples) == 1, "told once"
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await adapter.close()

    scenes.run(scene)


def test_security_keeps_the_servers_certificate_and_refuses_another(
    scenes: Scenes, tmp_path: Path
) -> None:
    keys = tmp_path / "gateway"

    async def scene(plant: Plant, server: OpcuaServer) -> None:
        secure = settings(server, policy="Basic256Sha256", keys=keys)
        adapter = OpcuaAdapter(secure)
        await adapter.connect()
        sample = await adapter.poll(group(tag("tank.level_m")))
        assert sample.values[0] == pytest.approx(plant.measured["tank.level_m"])
        await adapter.close()
        assert (keys / "key.pem").stat().st_mode & 0o777 == 0o600
        (keys / "server.der").write_bytes(b"another")
        with pytest.raises(OpcuaError, match=r"another certificate .* remove that"):
            await adapter.connect()

    scenes.run(scene)


def test_every_policy_and_mode_reads_writes_and_hears_of_changes(
    scenes: Scenes, tmp_path: Path
) -> None:
    keys = tmp_path / "gateway"

    async def scene(plant: Plant, server: OpcuaServer) -> None:
        watched = group(tag("tank.level_setpoint_m"), period_ms=50)
        ways = [("None", "Sign"), *((one, mode) for one in POLICIES[1:] for mode in MODES)]
        for number, (policy, mode) in enumerate(ways):
            adapter = OpcuaAdapter(settings(server, policy=policy, mode=mode, keys=keys))
            await adapter.connect()
            heard = Delivered()
            listening = asyncio.create_task(adapter.subscribe([watched], heard))
            await heard.until(lambda s: s.values[0] is not None)
            wanted = 1.0 + number / 8
            await adapter.write(watched, "tank_level_setpoint_m", wanted)
            await server.show()
            await heard.until(lambda s, wanted=wanted: s.values[0] == wanted)  # type: ignore[misc]  # a default binds it
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await adapter.close()
            assert plant.measured["tank.level_setpoint_m"] == wanted, (policy, mode)

    scenes.run(scene)


def test_a_policy_that_the_server_has_not_is_told_with_what_it_has(tmp_path: Path) -> None:
    async def scene() -> None:
        async with OpcuaServer(Plant(seed=1)) as server:
            secure = settings(server, policy="Aes256Sha256RsaPss", keys=tmp_path / "gateway")
            with pytest.raises(OpcuaError, match=r"not offer Aes256Sha256RsaPss S.*; it has None"):
                await OpcuaAdapter(secure).connect()

    asyncio.run(scene())


def test_a_servers_clock_that_is_set_back_stops_no_instants(scenes: Scenes) -> None:
    async def scene(plant: Plant, server: OpcuaServer) -> None:
        adapter = OpcuaAdapter(settings(server))
        await adapter.connect()
        told = Delivered()
        watched = group(tag("tank.level_m"), tag("pump.speed_percent"), period_ms=50)
        listening = asyncio.create_task(adapter.subscribe([watched], told))
        await told.until(lambda s: s.values[0] is not None)
        server.clock_ahead_s = -7200.0
        try:
            before_ns = told.samples[-1].at_ns
            for _ in range(3):
                plant.advance(5)
                await server.show()
                level = plant.measured["tank.level_m"]
                await told.until(lambda s, level=level: s.values[0] == pytest.approx(level))  # type: ignore[misc]  # a default binds it
            instants = [s.at_ns for s in told.samples[-3:]]
            assert instants == sorted(set(instants)), "each has its own"
            assert all(at_ns < before_ns - 7000 * 10**9 for at_ns in instants)
            assert adapter.health()["clock_steps"] == 1
        finally:
            server.clock_ahead_s = 0.0
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await adapter.close()

    scenes.run(scene)


def test_a_tag_that_must_not_be_silent_is_told_again_by_the_servers_clock(scenes: Scenes) -> None:
    async def scene(_plant: Plant, server: OpcuaServer) -> None:
        adapter = OpcuaAdapter(settings(server))
        await adapter.connect()
        told = Delivered()
        report = Report(on_change=True, max_ms=1000)
        watched = group(tag("tank.level_setpoint_m", report=report), period_ms=50)
        listening = asyncio.create_task(adapter.subscribe([watched], told))
        first = await told.until(lambda s: s.values[0] is not None)
        again = await told.until(lambda s: s.received_at_ns >= first.received_at_ns + 10**9)
        assert again.values == first.values
        assert again.at_ns > first.at_ns
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await adapter.close()

    scenes.run(scene)


def test_an_absent_server_is_told_with_its_address() -> None:
    with pytest.raises(OpcuaError, match=r"can't connect to opc\.tcp://127\.0\.0\.1:1/: "):
        asyncio.run(OpcuaAdapter(OpcuaSettings(url="opc.tcp://127.0.0.1:1/")).connect())


def test_a_server_that_stays_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        tries: asyncio.Queue[None] = asyncio.Queue()

        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tries.put_nowait(None)
            writer.transport.abort()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        adapter = OpcuaAdapter(
            OpcuaSettings(url=f"opc.tcp://127.0.0.1:{port}/", timeout_ms=1000, retry_ms_max=100),
            retry_ms_min=10,
        )
        listening = asyncio.create_task(adapter.subscribe([group(tag("a"))], Delivered()))
        async with asyncio.timeout(WAIT_S_MAX):
            for _ in range(4):
                await tries.get()
            while not listening.done():  # a library may swallow one cancellation
                listening.cancel()
                await asyncio.wait({listening}, timeout=0.1)
        server.close()

    asyncio.run(scene())
    assert caplog.text.count("subscription failed") == 1


def test_settings_are_read_as_text_or_numbers_and_all_mistakes_told() -> None:
    read = read_settings({"url": "opc.tcp://plc:4840", "queue": "5", "merge_ms": 20.0})
    assert (read.queue, read.merge_ms, read.times) == (5, 20, "source")
    with pytest.raises(SettingsError) as caught:
        read_settings({"url": "http://plc", "queue": "0", "policy": "Basic256", "colour": 1})
    assert caught.value.mistakes == [
        f"policy is 'Basic256', not one of {', '.join(POLICIES)}",
        "queue is 0, not 1 to 10000",
        "url is 'http://plc', not opc.tcp://HOST:PORT/PATH",
        "colour is no setting",
    ]
