"""The bridge and a real broker: kept before acknowledged, resumed after a loss, mutual TLS."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from amqtt.broker import Broker
from paho.mqtt.enums import CallbackAPIVersion

from tests.greengrass_components.tidegate.mqtt.any_user import AnyUser
from tests.greengrass_components.tidegate.mqtt.certificates import Authority
from tests.greengrass_components.tidegate.mqtt.keeping_broker import KeepingBroker
from tidegate.mqtt.bridge import Bridge
from tidegate.mqtt.errors import MessageError
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import read_settings
from tidegate.outbox import Outbox, OutboxFullError
from tidegate.simulators.free_port import free_port
from tidegate.simulators.slow_link import SlowLink
from tidegate.sparkplug.payload import DataType, Metric, Payload
from tidegate.sparkplug.payload import encode as encode_sparkplug
from tidewire import Batch, column_of, encode

WAIT_S_MAX = 10.0
AT_MS = 1_790_000_000_000
TOPIC = "dt/tidegauge/farm/board-1/climate"


def batch(sequence: int) -> bytes:
    columns = [column_of("temperature_c", [21.5])]
    made: bytes = encode(Batch("farm", "board-1", "climate", 3, sequence, [AT_MS], columns))
    return made


@asynccontextmanager
async def broker() -> AsyncIterator[int]:
    port = free_port()
    made = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {f"{AnyUser.__module__}.AnyUser": {}},
        }
    )
    await made.start()
    try:
        yield port
    finally:
        await made.shutdown()


class Board:
    """A device of the broker's."""

    def __init__(self, port: int) -> None:
        self.heard: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="board-1")
        self._client.on_message = lambda _c, _d, message: self.heard.append(message.topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    async def send(self, topic: str, payload: bytes) -> None:
        info = self._client.publish(topic, payload, qos=1)
        await asyncio.to_thread(info.wait_for_publish, WAIT_S_MAX)

    def hear_with(self, hear: Callable[[object, object, paho.MQTTMessage], None]) -> None:
        self._client.on_message = hear

    def listen(self, topic: str) -> None:
        self._client.subscribe(topic)

    async def end(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while not condition():
            await asyncio.sleep(0.01)


class Running:
    """A bridge at work, with its outbox in `folder`."""

    def __init__(self, folder: Path, **broker: object) -> None:
        self.outbox = Outbox(folder / "outbox")
        settings = read_settings({"retry_ms_max": 200, **broker}, "bridge")
        self.intake = MessageIntake(settings.routes, self.outbox, site="farm", gateway="gw")
        self.set_aside = SetAside(folder / "set_aside.jsonl")
        self.bridge = Bridge(settings, self.intake, self.set_aside, retry_ms_min=50)
        self._task = asyncio.create_task(self.bridge.run())

    def sequences(self) -> list[int]:
        self.outbox.maintain(flush=True)
        return [one.sequence for one in self.outbox.batches.peek(0) if one.thing == "board-1"]

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.outbox.close()


def run(scene: Callable[[int, Path], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        async with broker() as port:
            await scene(port, folder)

    asyncio.run(whole())


def test_batches_go_to_the_outbox_and_bad_messages_aside_whole(tmp_path: Path) -> None:
    async def scene(port: int, folder: Path) -> None:
        running = Running(folder, port=port)
        await until(lambda: running.bridge.is_connected)
        board = Board(port)
        await board.send(TOPIC, batch(1))
        await board.send(TOPIC, b"\xff nonsense")
        await board.send(TOPIC, batch(2))
        await until(lambda: running.bridge.messages == 3)
        assert running.sequences() == [1, 2]
        (line,) = (folder / "set_aside.jsonl").read_text().splitlines()
        aside = json.loads(line)
        assert base64.b64decode(aside["data"]) == b"\xff nonsense"
        assert (aside["topic"], aside["reason"]) == (TOPIC, "payload")
        await board.end()
        await running.end()

    run(scene, tmp_path)


def test_what_comes_while_the_bridge_is_away_waits_at_the_broker(tmp_path: Path) -> None:
    async def scene(port: int, folder: Path) -> None:
        running = Running(folder, port=port)
        await until(lambda: running.bridge.is_connected)
        await running.end()
        board = Board(port)
        for sequence in range(5):
            await board.send(TOPIC, batch(sequence))
        again = Running(folder, port=port)
        await until(lambda: again.bridge.messages >= 5)
        assert sorted(set(again.sequences())) == list(range(5))
        await board.end()
        await again.end()

    run(scene, tmp_path)


def test_a_cut_link_loses_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with KeepingBroker() as keeping:
            running = Running(tmp_path, port=keeping.port)
            await until(lambda: running.bridge.is_connected)
            for sequence in range(100):
                keeping.send(TOPIC, batch(sequence))
            for cuts in range(3):
                await until(lambda at=20 * (cuts + 1): running.bridge.messages >= at)  # type: ignore[misc]  # bound early
                keeping.cut()
            await until(lambda: not keeping.left)
            assert set(running.sequences()) == set(range(100))
            assert running.bridge.connects >= 2
            await running.end()

    asyncio.run(scene())


def test_what_the_disk_refuses_is_not_acknowledged_and_comes_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with KeepingBroker() as keeping:
            running = Running(tmp_path, port=keeping.port)
            keep = running.outbox.append_batch
            refusals = 2

            def picky(**facts: object) -> None:
                nonlocal refusals
                if refusals:
                    refusals -= 1
                    raise OutboxFullError("full for now")
                keep(**facts)  # type: ignore[arg-type]  # passed on as it came

            running.outbox.append_batch = picky  # type: ignore[method-assign]  # a disk that is full for a while
            for sequence in range(3):
                keeping.send(TOPIC, batch(sequence))
            await until(lambda: not keeping.left)
            assert running.bridge.refused == 2
            assert keeping.again >= 2
            assert running.sequences() == [0, 1, 2]
            await running.end()

    asyncio.run(scene())


def test_a_sparkplug_node_is_asked_for_its_birth(tmp_path: Path) -> None:
    async def scene(port: int, folder: Path) -> None:
        running = Running(folder, port=port)
        await until(lambda: running.bridge.is_connected)
        board = Board(port)
        board.listen("spBv1.0/hall/NCMD/press")
        data = Payload(AT_MS, 4, (Metric(alias=1, data_type=DataType.DOUBLE, value=1.0),))
        await board.send("spBv1.0/hall/NDATA/press", encode_sparkplug(data))
        await until(lambda: board.heard)
        assert running.bridge.rebirths == 1
        await board.end()
        await running.end()

    run(scene, tmp_path)


def test_sparkplug_nodes_are_told_whether_their_host_is_there(tmp_path: Path) -> None:
    """A node with a primary host keeps its data while it is offline."""
    states: list[dict[str, object]] = []

    def hear(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        states.append(json.loads(message.payload))

    async def told(*, online: bool) -> object:
        await until(lambda: states and states[-1]["online"] is online)
        return states[-1]["timestamp"]

    async def scene(port: int, folder: Path) -> None:
        running = Running(folder / "first", port=port, sparkplug_host="plant-1")
        await until(lambda: running.bridge.is_connected)
        node = Board(port)
        node.hear_with(hear)
        node.listen("spBv1.0/STATE/plant-1")
        birth_ms = await told(online=True)
        await running.end()
        assert await told(online=False) == birth_ms

        async with SlowLink(port) as link:
            cut_off = Running(folder / "second", port=link.port, sparkplug_host="plant-1")
            await told(online=True)
            link.refuse()
            link.cut()
            await told(online=False)
            link.refuse(False)
            await told(online=True)
            await cut_off.end()
        await node.end()

    run(scene, tmp_path)


def test_mutual_tls_lets_in_who_has_a_certificate_and_nobody_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("localhost"), authority.issue("bridge")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.path)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED

    async def scene(port: int, folder: Path) -> None:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

            async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                try:
                    while chunk := await source.read(65_536):
                        sink.write(chunk)
                        await sink.drain()
                except OSError:
                    pass
                finally:
                    sink.close()

            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

        door = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
        where = {"host": "localhost", "port": door.sockets[0].getsockname()[1]}
        with_certificate = Running(
            folder / "with", **where, ca=str(authority.path),
            certificate=str(client[0]), key=str(client[1]),
        )  # fmt: skip
        without = Running(folder / "without", **where, ca=str(authority.path), client_id="nobody")
        await until(lambda: with_certificate.bridge.is_connected)
        board = Board(port)
        await board.send(TOPIC, batch(1))
        await until(lambda: with_certificate.bridge.messages)
        assert with_certificate.sequences() == [1]
        assert without.bridge.connects == 0
        await board.end()
        for one in (with_certificate, without):
            await one.end()
        door.close()

    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    run(scene, tmp_path)


def test_the_file_of_messages_set_aside_is_bounded_and_counts_what_it_forgets(
    tmp_path: Path,
) -> None:
    aside = SetAside(tmp_path / "aside.jsonl", bytes_max=500)
    for number in range(20):
        aside.keep("t", b"x" * 50, MessageError("payload", "no"), number)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    lines = sum(len(path.read_text().splitlines()) for path in tmp_path.iterdir())
    assert max(sizes) <= 500
    assert aside.counts["payload"] == 20
    assert lines + aside.forgotten == 20


@pytest.mark.parametrize("port", [1])
def test_an_absent_broker_is_tried_again_until_told_to_end(tmp_path: Path, port: int) -> None:
    async def scene() -> None:
        running = Running(tmp_path, port=port)
        await asyncio.sleep(0)
        await running.end()
        assert running.bridge.connects == 0

    asyncio.run(scene())
