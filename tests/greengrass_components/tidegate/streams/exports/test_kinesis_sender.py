import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.kinesis.endpoint import Blackout, Endpoint, Faults
from tests.greengrass_components.tidegate.streams.exports.conftest import ENVIRONMENT
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tests.greengrass_components.tidegate.streams.manager_process import ManagerProcess
from tests.local_cloud import CloudProcess, wait_for
from tidegate.kinesis.aggregate import Aggregate
from tidegate.streams import StreamClient
from tidegate.streams.exports.kinesis_sender import key_inside

Exporting = Callable[..., Manager]


def stream(**export: Any) -> dict[str, Any]:
    kinesis = {"identifier": "k", "kinesisStreamName": "points", **export}
    return {"name": "s", "strategyOnFull": 0, "exportDefinition": {"kinesis": [kinesis]}}


@in_loop
async def test_what_is_throttled_is_sent_again_and_nothing_is_sent_twice(
    exporting: Exporting,
) -> None:
    payloads = [b"%d" % number for number in range(2_000)]
    with Endpoint(Faults(seed=4, throttle=0.3)) as kinesis:
        manager = exporting(kinesis=kinesis.url)
        async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
            await client.create(stream())
            await client.append_many("s", payloads)
            wait_for("all of them", lambda: len(kinesis.taken) == 2_000, within_s=20)
            info: dict[str, Any] = {}
            while info.get("exportedMessagesCount") != 2_000:
                info = (await client.describe("s"))["exportStatuses"][0]
            assert info["lastExportedSequenceNumber"] == 1_999
            assert info["exportedBytesFromStream"] == sum(map(len, payloads))
            assert "errorMessage" not in info
        assert sorted(data for _, data in kinesis.taken) == sorted(payloads)
        assert kinesis.counts["throttled"] > 500
        assert len({key for key, _ in kinesis.taken}) == 2_000, "a random key each"


@in_loop
async def test_failures_cut_answers_and_a_blackout_lose_nothing(exporting: Exporting) -> None:
    payloads = [b"%d" % number for number in range(900)]
    dark_until_s = time.monotonic() + 0.5
    blackout = Blackout(0, dark_until_s, time.monotonic)
    with Endpoint(Faults(seed=5, throttle=0.1, fail=0.2, cut=0.2), blackout) as kinesis:
        manager = exporting(kinesis=kinesis.url)
        async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
            await client.create(stream(batchSize=300))
            await client.append_many("s", payloads)
            wait_for("a failure", lambda: kinesis.counts["dark"] > 0)
            status: dict[str, Any] = {}
            while "errorMessage" not in status:
                status = (await client.describe("s"))["exportStatuses"][0]
            assert status["exportedMessagesCount"] == 0
            wait_for("all", lambda: {d for _, d in kinesis.taken} == {*payloads}, within_s=25)
        assert kinesis.counts["failed"]
        assert kinesis.counts["cut"]


@in_loop
async def test_kills_of_the_stream_manager_lose_nothing_on_the_way_to_kinesis(
    tmp_path: Path,
) -> None:
    dice, sent = random.Random(9), []
    with Endpoint(Faults(seed=9, throttle=0.3, cut=0.1)) as kinesis:
        environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_KINESIS": kinesis.url}
        with ManagerProcess(tmp_path, "--retry-s-max", "0.2", environment=environment) as manager:
            for life in range(3):
                token = manager.token
                async with await StreamClient.connect(port=manager.port, token=token) as client:
                    if life == 0:
                        await client.create(stream(batchSize=150))
                    payloads = [b"%d-%d" % (life, number) for number in range(300)]
                    await client.append_many("s", payloads)
                    sent += payloads
                    enough = len(kinesis.taken) + dice.randrange(1, 250)
                    wait_for("some", lambda enough=enough: len(kinesis.taken) >= enough)
                manager.kill()
                manager.start()
            wait_for("all", lambda: {d for _, d in kinesis.taken} >= {*sent}, within_s=25)
        assert len(kinesis.taken) < 2 * len(sent), "a kill repeats the last moments and no more"


@in_loop
async def test_a_batch_waits_for_its_size_or_for_its_linger(exporting: Exporting) -> None:
    with Endpoint() as kinesis:
        manager = exporting(kinesis=kinesis.url)
        async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
            await client.create(stream(batchSize=10, batchIntervalMillis=3_600_000))
            await client.append_many("s", [b"x"] * 9)
            await client.names()
            assert not kinesis.taken
            await client.append("s", b"the tenth")
            wait_for("the batch", lambda: len(kinesis.taken) == 10)
            assert kinesis.counts["requests"] == 1
            await client.append("s", b"alone")
            await client.update(stream(batchSize=10, batchIntervalMillis=200))
            wait_for("what waited long enough", lambda: len(kinesis.taken) == 11)


@in_loop
async def test_an_export_that_is_disabled_waits_and_one_that_is_dropped_ends(
    exporting: Exporting,
) -> None:
    with Endpoint() as kinesis:
        manager = exporting(kinesis=kinesis.url)
        async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
            await client.create(stream(disabled=True))
            await client.append_many("s", [b"1", b"2", b"3"])
            await client.update(stream(startSequenceNumber=1))
            wait_for("from the start that was set", lambda: len(kinesis.taken) == 2)
            await client.update({"name": "s", "strategyOnFull": 0})
            await client.append("s", b"4")
            await client.update(stream(partitionKey="fixed", startSequenceNumber=3))
            wait_for("a new one", lambda: len(kinesis.taken) == 3)
        assert [data for _, data in kinesis.taken] == [b"2", b"3", b"4"]
        assert kinesis.taken[-1][0] == "fixed"


def test_an_aggregate_goes_under_the_key_of_its_parts() -> None:
    aggregate = Aggregate("pump-7")
    aggregate.add(b"one")
    aggregate.add(b"two")
    assert key_inside(aggregate.encode()) == "pump-7"
    for other in (b"", b"\xf3\x89\x9a\xc2", b"\xf3\x89\x9a\xc2\x0a\x05ab", b"\xa0plain"):
        assert key_inside(other) in (None, "ab")


@in_loop
async def test_the_local_clouds_kinesis_takes_it(
    exporting: Exporting, local_cloud: CloudProcess
) -> None:
    kinesis = local_cloud.client("kinesis")
    kinesis.create_stream(StreamName="points", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(
        StreamName="points", WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    manager = exporting(kinesis=local_cloud.facts["http_url"])
    payloads = [b"%d" % number * 20 for number in range(700)]
    async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
        await client.create(stream())
        await client.append_many("s", payloads)
    (shard,) = kinesis.list_shards(StreamName="points")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="points", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[bytes] = []

    def all_there() -> bool:
        nonlocal iterator
        answer = kinesis.get_records(ShardIterator=iterator)
        iterator = answer["NextShardIterator"]
        found.extend(record["Data"] for record in answer["Records"])
        return len(found) >= 700

    wait_for("all records", all_there, within_s=20)
    assert sorted(found) == sorted(payloads)
