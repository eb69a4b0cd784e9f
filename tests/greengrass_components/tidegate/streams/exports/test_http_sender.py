import base64
import json
from collections.abc import Callable
from typing import Any

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.streams.exports.http_endpoint import HttpEndpoint
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tests.local_cloud import wait_for
from tidegate.streams import StreamClient

Exporting = Callable[..., Manager]


def stream(uri: str, **export: Any) -> dict[str, Any]:
    http = {"identifier": "h", "uri": uri, **export}
    return {"name": "ström", "strategyOnFull": 0, "exportDefinition": {"http": [http]}}


@in_loop
async def test_each_message_is_posted_as_it_is_until_it_is_taken(exporting: Exporting) -> None:
    with HttpEndpoint(lambda number: (503, 200, 404)[number % 3]) as server:
        async with await StreamClient.connect(port=exporting().port, token=TOKEN) as client:
            await client.create(stream(f"{server.url}/in?key=1"))
            await client.append_many("ström", [b"%d" % number for number in range(6)])
            wait_for("all", lambda: len(server.taken) == 6)
        assert [request.body for request in server.taken] == [b"%d" % n for n in range(6)]
        first = server.taken[0]
        assert (first.method, first.path) == ("POST", "/in?key=1")
        assert first.headers["x-stream-name"] == "str%C3%B6m"
        assert [request.headers["x-sequence-number"] for request in server.taken] == [*"012345"]


@in_loop
async def test_a_batch_is_a_json_array(exporting: Exporting) -> None:
    with HttpEndpoint() as server:
        async with await StreamClient.connect(port=exporting().port, token=TOKEN) as client:
            definition = stream(server.url, exportFormat=1, batchSize=3, batchIntervalMillis=60_000)
            await client.create(definition)
            await client.append_many("ström", [b"\xff0", b"1", b"2"])
            wait_for("it", lambda: server.taken)
        messages = json.loads(server.taken[0].body)
        assert [base64.b64decode(message["payload"]) for message in messages] == [
            b"\xff0", b"1", b"2",
        ]  # fmt: skip
        assert [message["sequenceNumber"] for message in messages] == [0, 1, 2]
        assert {message["streamName"] for message in messages} == {"ström"}


@in_loop
async def test_messages_that_were_overwritten_are_told_as_missed(exporting: Exporting) -> None:
    statuses = [503]
    with HttpEndpoint(lambda _: statuses[0]) as server:
        manager = exporting()
        async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
            await client.create(
                {**stream(server.url, batchSize=1), "strategyOnFull": 1, "maxSize": 4_096,
                 "streamSegmentSize": 1_024}
            )  # fmt: skip
            await client.append("ström", b"0" * 200)
            wait_for("a try", lambda: server.requests)
            await client.append_many("ström", [b"%02d" % number * 100 for number in range(1, 15)])
            await client.append_many("ström", [b"%02d" % number * 100 for number in range(15, 30)])
            statuses[0] = 200
            wait_for("the last", lambda: server.taken and server.taken[-1].body[:2] == b"29")
            status = (await client.describe("ström"))["exportStatuses"][0]
            storage = (await client.describe("ström"))["storageStatus"]
        numbers = [int(request.headers["x-sequence-number"]) for request in server.taken]
        assert numbers == [*range(numbers[0], 30)]
        assert numbers[0] > 1
        assert status["missedMessagesCount"] == numbers[0]
        assert storage["droppedMessages"] == storage["oldestSequenceNumber"] >= numbers[0]
