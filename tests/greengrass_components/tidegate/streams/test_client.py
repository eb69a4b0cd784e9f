import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tidegate.streams import (
    Status,
    StreamClient,
    StreamConnectionError,
    StreamRequestError,
)
from tidegate.streams.frame import packed

STREAM = {"name": "s", "strategyOnFull": 0, "maxSize": 4_096, "streamSegmentSize": 1_024}


async def connected(manager: Manager) -> StreamClient:
    return await StreamClient.connect(port=manager.port, token=TOKEN)


@in_loop
async def test_thousands_on_their_way_at_once_keep_their_order(manager: Manager) -> None:
    payloads = [b"%d" % number * (number % 40 + 1) for number in range(9_000)]
    async with await connected(manager) as client:
        await client.create({"name": "s", "strategyOnFull": 0})
        assert await client.append_many("s", payloads) == [*range(9_000)]
        found: list[bytes] = []
        while len(found) < 9_000:
            messages = await client.read("s", len(found))
            assert [message.sequence for message in messages] == [
                *range(len(found), len(found) + len(messages))
            ]
            found += [message.payload for message in messages]
        assert found == payloads
        assert await client.append_many("s", []) == []


@in_loop
async def test_each_append_of_many_is_answered_by_itself(manager: Manager) -> None:
    async with await connected(manager) as client:
        await client.create(STREAM)
        ends = await client.try_append_many("s", [b"x" * 900] * 6 + [b"y"])
        taken = [end for end in ends if isinstance(end, int)]
        refused = [end for end in ends if isinstance(end, StreamRequestError)]
        assert taken == [0, 1, 2, 3, 4]
        assert ends[-1] == 4, "a small one still fits"
        assert {error.status for error in refused} == {Status.OUT_OF_MEMORY_ERROR}
        with pytest.raises(StreamRequestError, match="full"):
            await client.append_many("s", [b"x" * 900])


@in_loop
async def test_streams_are_ensured_described_and_deleted(manager: Manager) -> None:
    assert manager.socket_path
    async with await StreamClient.connect(socket_path=manager.socket_path, token=TOKEN) as client:
        await client.ensure(STREAM)
        await client.ensure({**STREAM, "maxSize": 8_192})
        assert (await client.describe("s"))["definition"]["maxSize"] == 8_192
        assert await client.names() == ["s"]
        reading = asyncio.create_task(client.read("s", timeout_ms=30_000))
        await client.names()  # the read has arrived by then
        await client.delete("s")
        with pytest.raises(StreamRequestError, match="deleted") as deleted:
            await reading
        assert deleted.value.status == Status.RESOURCE_NOT_FOUND
        with pytest.raises(StreamRequestError) as missing:
            await client.append("s", b"x")
        assert missing.value.status == Status.RESOURCE_NOT_FOUND


@in_loop
async def test_what_waits_fails_at_once_when_the_server_ends(manager: Manager) -> None:
    async with await connected(manager) as client:
        await client.create(STREAM)
        reading = asyncio.create_task(client.read("s", timeout_ms=50_000))
        await client.names()
        await asyncio.to_thread(manager.stop)
        with pytest.raises((StreamConnectionError, StreamRequestError)):
            await reading
        with pytest.raises(StreamConnectionError):
            await client.names()
        assert not client.is_connected
    with pytest.raises(StreamConnectionError, match="is the component running"):
        await connected(manager)


@in_loop
async def test_a_wrong_token_is_told(manager: Manager) -> None:
    with pytest.raises(StreamRequestError, match="UNAUTHORIZED"):
        await StreamClient.connect(port=manager.port, token="wrong")


async def _serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])


@in_loop
async def test_an_answer_too_late_is_let_go_and_the_client_goes_on() -> None:
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(b"\x01" + packed(6, {"requestId": "0", "status": 0}))
        await reader.read(1_000)
        await late.wait()
        writer.write(packed(12, {"requestId": "1", "status": 0, "streams": ["late"]}))
        await reader.read(1_000)
        writer.write(packed(12, {"requestId": "2", "status": 0, "streams": ["in time"]}))
        writer.close()

    server, port = await _serving(serve)
    async with server, await StreamClient.connect(port=port, request_timeout_s=0.3) as client:
        with pytest.raises(TimeoutError):
            await client.names()
        late.set()
        assert await client.names() == ["in time"]


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x01\xff\xff\xff\xff9"])
@in_loop
async def test_another_server_is_told_from_a_stream_manager(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        await writer.drain()
        await reader.read(10_000)
        writer.close()

    server, port = await _serving(serve)
    async with server:
        with pytest.raises(StreamConnectionError):
            await StreamClient.connect(port=port)


def wire(**fields: Any) -> dict[str, Any]:
    return {**STREAM, **fields}


@pytest.mark.parametrize(
    ("definition", "mistake"),
    [
        (wire(name="a/b"), "name does not match"),
        (wire(maxSize=1_000), "maxSize is 1000, not from 1024"),
        (wire(maxSize="4096"), "maxSize is not an integer"),
        (wire(strategyOnFull=2), "strategyOnFull"),
        (wire(timeToLiveMillis=1), "timeToLiveMillis"),
        (wire(persistence=1, flushOnWrite=True), "flushOnWrite"),
        (wire(exportDefinition=[]), "exportDefinition is not a map"),
        (wire(exportDefinition={"kinesis": {}}), "kinesis is not a list"),
        (
            wire(exportDefinition={"kinesis": [{"identifier": "k", "batchSize": 501}]}),
            "batchSize is 501, not from 1 to 500; kinesis[0]: kinesisStreamName is missing",
        ),
        (
            wire(exportDefinition={"http": [{"identifier": "h", "uri": "ftp://x"}]}),
            "http[0]: uri is no http(s) address",
        ),
        (
            wire(exportDefinition={"http": [{"identifier": "h", "uri": "http://[::1"}]}),
            "http[0]: uri is no http(s) address",
        ),
        (
            wire(exportDefinition={"http": [{"identifier": "h", "uri": "http://h:99999/"}]}),
            "http[0]: uri is no http(s) address",
        ),
        (
            wire(exportDefinition={"iotCore": [{"identifier": "i", "topic": "a/#"}]}),
            "iotCore[0]: topic",
        ),
        (
            wire(exportDefinition={"kinesis": [{"identifier": "k", "kinesisStreamName": "s",
                                                "batchIntervalMillis": 199}]}),
            "batchIntervalMillis is 199",
        ),
    ],
)  # fmt: skip
@in_loop
async def test_all_that_is_wrong_with_a_definition_is_told(
    manager: Manager, definition: dict[str, Any], mistake: str
) -> None:
    async with await connected(manager) as client:
        with pytest.raises(StreamRequestError) as error:
            await client.create(definition)
        assert error.value.status == Status.INVALID_REQUEST
        assert mistake in error.value.message
        assert await client.names() == []
