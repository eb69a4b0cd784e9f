"""A stream of several shards: each gateway has one, and its batches keep their order there."""

import asyncio
import random
from typing import Any

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.local_cloud import CloudProcess
from tidecloud.aggregate import parts_of
from tidecloud.record import Record
from tidegate.kinesis.client import InThread, KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import Limits, Producer
from tidegate.uplink import SystemClock

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SHARDS, GATEWAYS, BATCHES = 4, 6, 50


async def put(url: str, gateway: str) -> None:
    """Put numbered batches as the gateway, several to a record."""
    client = KinesisClient(
        stream="several", region="us-east-1", endpoint_url=url,
        credentials=CredentialSource(KEYS, lambda: 0.0),
    )  # fmt: skip
    producer = Producer(
        client=InThread(client),
        partition_key=gateway,
        clock=SystemClock(),
        dice=random.Random(7),
        limits=Limits(aggregate_bytes_max=400, linger_ms=0),
        on_done=lambda _tokens: None,
        on_refused=lambda _data, _tokens, _why: None,
    )
    for number in range(BATCHES):
        producer.add(f"{gateway} {number}".encode(), number)
        await producer.send()
    while not producer.is_empty:
        producer.flush()
        await producer.send()
        await asyncio.sleep(producer.due_in_s() or 0.0)
    client.close()


def found_in(kinesis: Any, shard: str) -> dict[str, list[int]]:
    """Return the numbers that a shard has of each gateway, in its order."""
    iterator = kinesis.get_shard_iterator(
        StreamName="several", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: dict[str, list[int]] = {}
    while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
        iterator = answer["NextShardIterator"]
        for record in records:
            whole = Record("s", shard, record["PartitionKey"], 0, record["Data"])
            for part in parts_of(whole):
                gateway, number = part.data.decode().split()
                assert gateway == record["PartitionKey"]
                found.setdefault(gateway, []).append(int(number))
    return found


@in_loop
async def test_a_gateway_has_one_of_several_shards_and_its_order_there(
    local_cloud: CloudProcess,
) -> None:
    kinesis = local_cloud.client("kinesis")
    kinesis.create_stream(StreamName="several", ShardCount=SHARDS)
    kinesis.get_waiter("stream_exists").wait(
        StreamName="several", WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    gateways = [f"gateway-{number}" for number in range(GATEWAYS)]
    for gateway in gateways:
        await put(local_cloud.facts["http_url"], gateway)
    shards = [one["ShardId"] for one in kinesis.list_shards(StreamName="several")["Shards"]]
    found = [found_in(kinesis, shard) for shard in shards]
    assert len(found) == SHARDS
    assert sorted(gateway for of_shard in found for gateway in of_shard) == gateways
    assert all(numbers == list(range(BATCHES)) for one in found for numbers in one.values())
    assert sum(map(bool, found)) > 1
