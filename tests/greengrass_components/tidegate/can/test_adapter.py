"""The CAN adapter on a real (virtual) bus: signals by DBC, J1939 and its long messages."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import can
import cantools
import pytest

from tidegate.can.adapter import CanAdapter, CanSettings, read_settings
from tidegate.can.address import CanAddress, parse_address
from tidegate.can.errors import CanDownError, CanError, CanSilentError
from tidegate.can.j1939 import Identifier, packets_of
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.setting_reader import SettingsError
from tidegate.tag import Tag
from tidegate.tag_map import read_tag_map

DBC = Path(__file__).parents[4] / "greengrass_components/can_adapter/plant.dbc"
DATABASE = cantools.database.load_file(DBC)
WAIT_S_MAX = 5.0


def group(*addresses: str, scale: float = 1.0) -> Group:
    tags = tuple(
        Tag(field=f"f{place}", address=address, scale=scale)
        for place, address in enumerate(addresses)
    )
    return Group(thing="t", measurement="m", tags=tags)


class Clock:
    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return time.time_ns() + self.ahead_ns


class Bus:
    """The other end of the bus."""

    def __init__(self, bus: can.BusABC) -> None:
        self._bus = bus
        self.clock = Clock()

    def send(self, name: str, **values: float) -> None:
        message = DATABASE.get_message_by_name(name)
        self.frame(message.frame_id, message.encode(values), extended=message.is_extended_frame)

    def frame(self, frame_id: int, data: bytes, *, extended: bool) -> None:
        self._bus.send(can.Message(arbitration_id=frame_id, data=data, is_extended_id=extended))

    def group(self, pgn: int, source: int, data: bytes) -> None:
        for frame_id, packet in packets_of(Identifier(6, pgn, source, 0xFF), data):
            self.frame(frame_id, packet, extended=True)

    def heard(self) -> can.Message | None:
        return self._bus.recv(WAIT_S_MAX)


@pytest.fixture
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    with can.Bus(interface="virtual", channel=request.node.name) as made:
        yield Bus(made)


def run(
    bus: Bus, channel: str, scene: Callable[[CanAdapter], Awaitable[None]], **facts: object
) -> None:
    async def whole() -> None:
        settings = CanSettings(interface="virtual", channel=channel, dbc=(DBC,), **facts)  # type: ignore[arg-type]  # a test's shorthand
        adapter = CanAdapter(settings, clock_ns=bus.clock)
        await adapter.connect()
        try:
            await scene(adapter)
        finally:
            await adapter.close()

    asyncio.run(whole())


async def until_heard(adapter: CanAdapter, frames: int) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while adapter.signals.frames < frames:
            await asyncio.sleep(0)


def test_signals_are_decoded_scaled_and_dated(bus: Bus, request: pytest.FixtureRequest) -> None:
    read = group("Tank.Level", "Tank.Temperature", "Pump.Speed", "Tank.LevelLow", scale=10.0)

    async def scene(adapter: CanAdapter) -> None:
        assert adapter.plan(read) == ["listen to Tank (0x100)", "listen to Pump (0x101)"]
        before_ns = time.time_ns()
        bus.send("Tank", Level=1.5, Temperature=-3.25, LevelLow=1, LevelHigh=0)
        await until_heard(adapter, 1)
        sample = await adapter.poll(read)
        assert sample.values == (15.0, -32.5, None, 10)
        assert sample.qualities == bytes([0, 0, Quality.BAD, 0])
        assert before_ns <= sample.at_ns <= sample.received_at_ns
        bus.send("Pump", Speed=61.25, Flow=-0.5, Starts=7)
        await until_heard(adapter, 2)
        assert (await adapter.poll(read)).values[2] == 612.5
        as_it_is = group("Tank.Level")
        for millimetres in range(1390, 1420):  # 1.4 of a thousandth each is 1.4000000000000001
            bus.send("Tank", Level=millimetres / 1000, Temperature=0, LevelLow=0, LevelHigh=0)
            await until_heard(adapter, millimetres - 1387)
            assert (await adapter.poll(as_it_is)).values == (millimetres / 1000,)

    run(bus, request.node.name, scene)


def test_a_value_that_is_not_sent_any_more_is_bad_and_then_the_group_silent(
    bus: Bus, request: pytest.FixtureRequest
) -> None:
    read = group("Tank.Level", "Pump.Speed")

    async def scene(adapter: CanAdapter) -> None:
        assert (await adapter.poll(read)).values == (None, None), "it may still come"
        bus.send("Tank", Level=1.5, Temperature=0, LevelLow=0, LevelHigh=0)
        await until_heard(adapter, 1)
        assert (await adapter.poll(read)).values == (1.5, None)
        bus.clock.ahead_ns = 2_000_000_000
        with pytest.raises(CanSilentError, match="nobody sends m"):
            await adapter.poll(read)

    run(bus, request.node.name, scene, stale_ms=1000)


def test_j1939_messages_are_known_by_group_and_sender(
    bus: Bus, request: pytest.FixtureRequest
) -> None:
    read = group("EEC1.EngineSpeed@0x00", "EEC1.EngineSpeed@17", "EEC1.ActualEngineTorque@0")

    async def scene(adapter: CanAdapter) -> None:
        adapter.plan(read)  # what nobody has asked for is not kept
        message = DATABASE.get_message_by_name("EEC1")
        for source, speed in ((0x00, 1500.0), (17, 800.0)):
            data = message.encode({"EngineSpeed": speed, "ActualEngineTorque": 40})
            bus.group(0xF004, source, data)
        await until_heard(adapter, 2)
        assert (await adapter.poll(read)).values == (1500.0, 800.0, 40)
        bus.group(0xF004, 0x00, b"\xff" * 3 + b"\x00\xfe" + b"\xff" * 3)  # error, not available
        await until_heard(adapter, 3)
        assert (await adapter.poll(read)).values == (None, 800.0, None)

    run(bus, request.node.name, scene, j1939=True)


def test_a_j1939_message_of_many_packets_is_decoded_whole(
    bus: Bus, request: pytest.FixtureRequest
) -> None:
    async def scene(adapter: CanAdapter) -> None:
        report = DATABASE.get_message_by_name("EngineReport")
        data = report.encode({"PartNumber": 0x4142434445, "Hours": 1234.5})
        assert len(data) == 39
        read = group("EngineReport.Hours", "EngineReport.PartNumber")
        adapter.plan(read)
        bus.group(0xFF10, 0x00, data)
        await until_heard(adapter, 7)
        assert (await adapter.poll(read)).values == (1234.5, 0x4142434445)

    run(bus, request.node.name, scene, j1939=True)


def test_nothing_is_sent_unless_it_may_and_then_only_one_signal_changes(
    bus: Bus, request: pytest.FixtureRequest
) -> None:
    wanted = group("Tank.Level", "Tank.Temperature", "Tank.LevelLow", "Tank.LevelHigh")

    async def refused(adapter: CanAdapter) -> None:
        with pytest.raises(CanError, match="listened to only"):
            await adapter.write(wanted, "f0", 2.0)

    async def scene(adapter: CanAdapter) -> None:
        adapter.plan(wanted)
        bus.send("Tank", Level=1.5, Temperature=20, LevelLow=1, LevelHigh=0)
        await until_heard(adapter, 1)
        await adapter.write(wanted, "f0", 2.0)
        heard = bus.heard()
        assert heard is not None
        assert DATABASE.decode_message(heard.arbitration_id, heard.data) == {
            "Level": 2.0, "Temperature": 20.0, "LevelLow": 1, "LevelHigh": 0,
        }  # fmt: skip
        with pytest.raises(CanError, match="can't send f0"):
            await adapter.write(wanted, "f0", 1e9)

    run(bus, request.node.name, refused)
    run(bus, request.node.name, scene, sends=True)


def test_a_frame_too_short_for_its_message_is_counted(
    bus: Bus, request: pytest.FixtureRequest
) -> None:
    async def scene(adapter: CanAdapter) -> None:
        read = group("Tank.Level", "Tank.Temperature")
        adapter.plan(read)
        bus.frame(0x100, b"\x10\x27", extended=False)
        await until_heard(adapter, 1)
        assert (await adapter.poll(read)).values == (1.0, None), "what is there is taken"

    run(bus, request.node.name, scene)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("Nothing.Level", "no message Nothing; there are: EEC1, EngineReport, Pump, Tank"),
        ("Tank.Depth", "Tank has no signal Depth; it has Level"),
        ("Level", "is no signal, as in"),
        ("EEC1.EngineSpeed@254", "is no signal, as in"),
    ],
)
def test_a_wrong_signal_says_what_there_is(address: str, message: str) -> None:
    adapter = CanAdapter(CanSettings(interface="virtual", channel="x", dbc=(DBC,)))
    with pytest.raises(CanError, match=message):
        adapter.plan(group(address))


def test_an_address_may_name_its_sender() -> None:
    assert parse_address("EEC1.EngineSpeed@0x1F") == CanAddress("EEC1", "EngineSpeed", 31)


def test_what_can_not_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.dbc").write_text("BO_ nonsense")
    with pytest.raises(CanError, match="can't be read as a DBC file"):
        CanAdapter(CanSettings(interface="virtual", channel="x", dbc=(tmp_path / "bad.dbc",)))
    adapter = CanAdapter(CanSettings(interface="socketcan", channel="nocan9", dbc=()))
    with pytest.raises(CanDownError, match=r"can.t open socketcan nocan9: .*ip link set"):
        asyncio.run(adapter.connect())


def test_a_file_is_taken_from_here_or_from_beside_the_tag_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.dbc").write_text("")
    connections = {"can0": {"dbc": "own.dbc, plant.dbc"}}
    (bus,) = read_tag_map(DBC.parent / "tags.yaml", connections=connections).buses
    settings = read_settings(bus.settings)
    assert settings.dbc == (Path("own.dbc"), DBC)
    assert settings.j1939 is True
    with pytest.raises(SettingsError, match=r"interface is 'x', not.*; channel is missing; dbc is"):
        read_settings({"interface": "x"})
