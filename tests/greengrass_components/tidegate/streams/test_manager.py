"""A stream manager as it is shown, and as it takes settings that change while it runs."""

import asyncio
import base64
import http.client
import json
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.streams.exports.http_endpoint import HttpEndpoint
from tests.greengrass_components.tidegate.streams.manager_process import ManagerProcess
from tidegate.status_page.metrics_text import metrics_text
from tidegate.streams import (
    StreamClient,
    StreamConnectionError,
    StreamRequestError,
    StreamsError,
)
from tidegate.streams.manager import Manager
from tidegate.streams.manager_settings import settings_of
from tidegate.streams.manager_view import ManagerView

WAIT_S_MAX = 20.0
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while not ready():
            await asyncio.sleep(0.01)


def configuration(folder: Path, **settings: Any) -> dict[str, Any]:
    return {
        "port": 0, "socket": folder / "socket", "store": folder / "streams",
        "tokenFile": folder / "token", "retrySecondsMax": 0.2, "region": "us-east-1", **settings,
    }  # fmt: skip


@asynccontextmanager
async def managing(folder: Path, **settings: Any) -> AsyncIterator[Manager]:
    level = logging.getLogger().level
    manager = Manager(settings_of(configuration(folder, **settings), {}), KEYS, None)
    try:
        await manager.open()
        yield manager
    finally:
        await manager.close()
        logging.getLogger().setLevel(level)


async def client_of(manager: Manager, token: str | None = None) -> StreamClient:
    assert manager.port
    token = token or manager.settings.token_file.read_text()
    return await StreamClient.connect(port=manager.port, token=token)


def definition(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "strategyOnFull": 0, **more}


async def adopt(manager: Manager, folder: Path, **settings: Any) -> None:
    await manager.adopt(settings_of(configuration(folder, **settings), {}))


@in_loop
async def test_it_shows_streams_exports_how_far_they_are_and_what_is_wrong(tmp_path: Path) -> None:
    async with managing(tmp_path) as manager:
        view = ManagerView(manager)
        exports = {
            "http": [{"identifier": "away", "uri": "http://127.0.0.1:1/x"}],
            "kinesis": [{"identifier": "off", "kinesisStreamName": "k", "disabled": True}],
        }
        async with await client_of(manager) as client:
            await client.create(definition("points", exportDefinition=exports))
            await client.create(
                definition("small", maxSize=4_096, streamSegmentSize=1_024, persistence=1)
            )
            for number in range(10):
                await client.append("points", b"%d" % number)
            for _ in range(4):
                await client.append("small", bytes(900))
            with pytest.raises(StreamRequestError):
                await client.append("small", bytes(900))
            stream = manager.store.get("points")
            await until(lambda: bool(stream.export_errors))
            shown = view()
        json.dumps(shown.document())
        streams, exports_shown = shown.tables
        points = dict(zip((*streams.labels, *streams.columns), streams.rows[0], strict=True))
        assert (points["stream"], points["oldest"], points["newest"]) == ("points", 0, 9)
        assert points["bytes"] == stream.log.size_bytes
        rows = {
            row[1]: dict(zip((*exports_shown.labels, *exports_shown.columns), row, strict=True))
            for row in exports_shown.rows
        }
        assert rows["away"]["to"] == "http http://127.0.0.1:1/x"
        assert (rows["away"]["messages behind"], rows["away"]["sent"]) == (10, 0)
        assert rows["away"]["seconds behind"] is not None
        assert "refused" in str(rows["away"]["error"])
        assert rows["off"]["error"] == "disabled"
        assert "export away of points can't send" in shown.trouble
        assert "stream small is full and refuses messages" in shown.trouble
        assert shown.counts["messages_refused"] == 1
        text = metrics_text(shown)
        assert (
            'exports_messages_behind{component="stream_manager",stream="points",export="away"'
            in text
        )
        fields = {field.name: field.value for field in shown.groups[0].fields}
        assert (fields["away_behind"], fields["newest_sequence"]) == (10, 9)


@in_loop
async def test_an_endpoint_that_changes_is_where_exports_go_from_then_on(tmp_path: Path) -> None:
    def answer(request: Any) -> bytes:
        records = json.loads(request.body)["Records"]
        entries = [{"SequenceNumber": "1", "ShardId": "0"} for _ in records]
        return json.dumps({"FailedRecordCount": 0, "Records": entries}).encode()

    exports = {"kinesis": [{"identifier": "cloud", "kinesisStreamName": "k"}]}
    with HttpEndpoint(answer=answer) as endpoint:
        wrong = {"kinesis": "http://127.0.0.1:1"}
        async with managing(tmp_path, endpoints=wrong) as manager:
            async with await client_of(manager) as client:
                await client.create(definition("points", exportDefinition=exports))
                await client.append("points", b"x")
                stream = manager.store.get("points")
                await until(lambda: bool(stream.export_errors))
                await adopt(manager, tmp_path, endpoints={"kinesis": endpoint.url})
                await until(lambda: len(endpoint.taken) == 1)
                assert await client.append("points", b"y") == 1, "the clients stayed"
                await until(lambda: len(endpoint.taken) == 2)
            await until(lambda: not stream.export_errors)


@in_loop
async def test_a_batch_under_way_at_a_change_is_sent_once(tmp_path: Path) -> None:
    """It was sent again: by the same endpoint after an update, by both after another endpoint."""
    came, may_answer = threading.Event(), threading.Event()

    def answer(request: Any) -> bytes:
        came.set()
        assert may_answer.wait(10)
        records = json.loads(request.body)["Records"]
        entries = [{"SequenceNumber": "1", "ShardId": "0"} for _ in records]
        return json.dumps({"FailedRecordCount": 0, "Records": entries}).encode()

    def taken(endpoint: HttpEndpoint) -> list[bytes]:
        batches = [json.loads(request.body)["Records"] for request in endpoint.taken]
        return [base64.b64decode(record["Data"]) for batch in batches for record in batch]

    export = {"identifier": "cloud", "kinesisStreamName": "k"}
    exports = {"kinesis": [export]}
    other = {"kinesis": [{**export, "batchSize": 20}]}
    with HttpEndpoint(answer=answer) as first, HttpEndpoint(answer=answer) as second:
        async with (
            managing(tmp_path, endpoints={"kinesis": first.url}) as manager,
            await client_of(manager) as client,
        ):

            async def append(payload: bytes) -> None:
                came.clear()
                may_answer.clear()
                await client.append("points", payload)
                assert await asyncio.to_thread(came.wait, 10)

            await client.create(definition("points", exportDefinition=exports))
            await append(b"0")
            await client.update(definition("points", exportDefinition=other))
            may_answer.set()
            await until(lambda: taken(first) == [b"0"])
            await append(b"1")
            changing = asyncio.create_task(
                adopt(manager, tmp_path, endpoints={"kinesis": second.url})
            )
            await asyncio.sleep(0)  # it tells the exports to end
            may_answer.set()
            await changing
            await append(b"2")
            may_answer.set()
            await until(lambda: taken(second) != [])
        assert (taken(first), taken(second)) == ([b"0", b"1"], [b"2"])


@in_loop
async def test_sockets_are_opened_anew_and_streams_in_memory_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with managing(tmp_path) as manager:
        first_port = manager.port
        async with await client_of(manager) as client:
            await client.create(definition("kept", persistence=1))
            await client.append("kept", b"x")
        (tmp_path / "other").write_text("another-token-of-the-tests")
        with pytest.raises(StreamsError, match="others may read"):
            await adopt(manager, tmp_path, tokenFile=tmp_path / "other", logLevel="warning")
        assert logging.getLogger().level != logging.WARNING
        (tmp_path / "other").chmod(0o600)
        await adopt(manager, tmp_path, tokenFile=tmp_path / "other", logLevel="warning")
        assert manager.port == first_port, "which its clients know"
        assert logging.getLogger().level == logging.WARNING
        with pytest.raises(StreamConnectionError):
            await client.append("kept", b"y")
        with pytest.raises(StreamRequestError):
            await client_of(manager, token="wrong")
        async with await client_of(manager, "another-token-of-the-tests") as client:
            assert (await client.read("kept"))[0].payload == b"x"
        # What can't be listened on leaves all as it was.
        taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        await adopt(manager, tmp_path, tokenFile=tmp_path / "other", port=port)
        assert "configuration stays as it was: can't listen" in caplog.text
        async with await client_of(manager, "another-token-of-the-tests") as client:
            assert await client.append("kept", b"z") == 1
        taken.close()


@in_loop
async def test_where_streams_lie_waits_for_the_next_start_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with managing(tmp_path) as manager:
        await adopt(manager, tmp_path, store=tmp_path / "elsewhere")
        assert "store waits for the next start" in caplog.text
        assert manager.settings.store == tmp_path / "streams"
        assert not (tmp_path / "elsewhere").exists()


@in_loop
async def test_its_page_comes_and_goes_with_the_setting(tmp_path: Path) -> None:
    probe = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()

    def status() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/data")
        return connection.getresponse().status

    async with managing(tmp_path) as manager:
        assert manager.page is None
        await adopt(manager, tmp_path, status_port=port)
        assert await asyncio.to_thread(status) == 200
        await adopt(manager, tmp_path)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(status)


def test_after_sighup_it_takes_its_file_again_or_says_what_is_wrong(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("retrySecondsMax: 10\n")

    async def scene(manager: ManagerProcess) -> None:
        settings.write_text("retrySecondsMax: soon\nprot: 1\n")
        manager.signal(signal.SIGHUP)
        await until(lambda: "configuration stays as it was: " in manager.log())
        settings.write_text("logLevel: warning\nretrySecondsMax: 20\n")
        manager.signal(signal.SIGHUP)
        await until(lambda: "taken: retry_s_max, log_level" in manager.log())

    with ManagerProcess(tmp_path / "w", "--configuration", str(settings)) as manager:
        asyncio.run(scene(manager))
        assert "retrySecondsMax is 'soon', not a number; prot is no setting" in manager.log()
        assert manager.stop() == 0
