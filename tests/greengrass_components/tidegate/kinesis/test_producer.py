"""The producer against an endpoint that breaks: nothing lost, order of retries bounded."""

import random
from collections.abc import Sequence

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.kinesis.endpoint import Blackout, Endpoint, Faults
from tests.greengrass_components.tidegate.virtual_clock import VirtualClock
from tidecloud.aggregate import parts_of
from tidecloud.record import Record
from tidegate.kinesis.client import InThread, KinesisClient, Result
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.errors import KinesisRefusedError
from tidegate.kinesis.producer import Limits, Producer, PutClient
from tidegate.kinesis.shard_budget import ShardRate

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Harness:
    """A producer with a clock of its own, and what became of each token."""

    def __init__(self, client: PutClient, clock: VirtualClock, limits: Limits | None = None):
        self.clock = clock
        self.done: list[int] = []
        self.refused: list[tuple[bytes, list[int], str]] = []
        self.producer = Producer(
            client=client,
            partition_key="gw-1",
            clock=clock,
            dice=random.Random(3),
            on_done=self.done.extend,
            on_refused=lambda data, tokens, why: self.refused.append((data, tokens, why)),
            limits=limits,
        )

    async def drain(self) -> None:
        self.producer.flush()
        while (due_s := self.producer.due_in_s()) is not None:
            await self.clock.sleep(due_s)
            await self.producer.send()


def real_client(endpoint: Endpoint) -> KinesisClient:
    source = CredentialSource(KEYS, lambda: 0.0)
    return KinesisClient(
        stream="tidegauge", region="us-east-1", credentials=source, endpoint_url=endpoint.url
    )


def user_records(endpoint: Endpoint) -> list[bytes]:
    found = []
    for key, data in endpoint.taken:
        parts = parts_of(Record("s", "1", key, 0, data))
        assert {part.partition_key for part in parts} == {key} == {"gw-1"}
        found += [part.data for part in parts]
    return found


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(throttle=0.3),
        Faults(throttle=0.3, fail=0.2, cut=0.2),
        Faults(seed=8, cut=0.5),
    ],
    ids=repr,
)
@in_loop
async def test_every_user_record_arrives_whatever_the_endpoint_does(faults: Faults) -> None:
    clock = VirtualClock()
    dark = Blackout(2.0, 62.0, clock.now_s)
    with Endpoint(faults, dark) as endpoint:
        client = real_client(endpoint)
        harness = Harness(InThread(client), clock, Limits(aggregate_bytes_max=2_000))
        sent = []
        for number in range(1_000):
            data = number.to_bytes(4, "big") * 10
            sent.append(data)
            harness.producer.add(data, number)
            if number % 50 == 0:
                await clock.sleep(0.2)
                await harness.producer.send()
        await harness.drain()
        client.close()
    assert sorted(harness.done) == list(range(1_000))
    assert set(user_records(endpoint)) == set(sent)
    if not faults.cut:  # only an answer that got lost makes a record go twice
        assert len(user_records(endpoint)) == len(sent)
    metrics = harness.producer.metrics.document()
    assert metrics["UserRecordsReceived"] == metrics["UserRecordsPut"] == 1_000
    assert (metrics["UserRecordsPending"], metrics["UserRecordExpired"]) == (0, 0)
    assert endpoint.counts["dark"] > 0
    assert harness.producer.pending_bytes == 0


@in_loop
async def test_a_blackout_is_tried_less_and_less_often() -> None:
    clock = VirtualClock()
    with Endpoint(blackout=Blackout(0.0, 3_600.0, clock.now_s)) as endpoint:
        client = real_client(endpoint)
        harness = Harness(InThread(client), clock)
        harness.producer.add(b"patience", 1)
        await harness.drain()
        client.close()
    assert harness.done == [1]
    assert 3_600 <= clock.at_s < 3_700
    assert endpoint.counts["requests"] < 500
    assert harness.producer.metrics.retries_per_record.most > 100


@in_loop
async def test_it_keeps_to_what_a_shard_takes() -> None:
    clock = VirtualClock()
    with Endpoint() as endpoint:
        client = real_client(endpoint)
        harness = Harness(InThread(client), clock)
        for number in range(30):
            harness.producer.add(bytes(100_000), number)
        await harness.drain()
        client.close()
    rate = ShardRate().bytes_per_s
    assert clock.at_s >= sum(len(data) for _, data in endpoint.taken) / rate - 1.2
    assert len(harness.done) == 30


@in_loop
async def test_it_says_when_it_has_no_room() -> None:
    with Endpoint() as endpoint:
        client = real_client(endpoint)
        harness = Harness(InThread(client), VirtualClock(), Limits(pending_bytes_max=100_000))
        count = 0
        while harness.producer.has_room:
            harness.producer.add(bytes(1_000), count)
            count += 1
        assert harness.producer.pending_bytes < 102_000
        await harness.drain()
        client.close()
        assert harness.producer.has_room
        assert harness.producer.is_empty


class Choosy:
    """Refuses any request that holds one certain record, as Kinesis does a malformed one."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        if any(b"poison" in data for _, data in records):
            raise KinesisRefusedError("ValidationException", "1 validation error detected")
        self.taken += [data for _, data in records]
        return [Result()] * len(records)


@in_loop
async def test_a_record_that_kinesis_never_takes_is_set_aside_and_its_neighbours_go() -> None:
    client = Choosy()
    harness = Harness(client, VirtualClock(), Limits(aggregate_bytes_max=100))
    for number in range(10):
        harness.producer.add(b"poison" * 5 if number == 4 else b"sound!" * 5, number)
    await harness.drain()
    assert sorted(harness.done) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    ((data, tokens, why),) = harness.refused
    assert (b"poison" in data, tokens, "validation" in why) == (True, [4], True)
    assert harness.producer.metrics.user_records_refused == 1


@in_loop
async def test_a_record_larger_than_the_stream_takes_is_set_aside_at_once() -> None:
    harness = Harness(Choosy(), VirtualClock(), Limits(record_bytes_max=1_000))
    harness.producer.add(bytes(1_001), 1)
    harness.producer.add(bytes(10), 2)
    await harness.drain()
    assert harness.done == [2]
    assert [tokens for _, tokens, _ in harness.refused] == [[1]]
    assert harness.producer.pending_bytes == 0


@in_loop
async def test_no_permission_is_waited_out_and_nothing_is_thrown_away() -> None:
    clock = VirtualClock()
    with Endpoint(Faults(refuse="AccessDeniedException")) as endpoint:
        client = real_client(endpoint)
        harness = Harness(InThread(client), clock)
        harness.producer.add(b"held", 1)
        harness.producer.flush()
        for _ in range(30):
            await clock.sleep(harness.producer.due_in_s() or 0)
            await harness.producer.send()
        assert harness.done == []
        assert "AccessDenied" in harness.producer.last_error
        endpoint.faults = Faults()
        await harness.drain()
        client.close()
    assert harness.done == [1]
