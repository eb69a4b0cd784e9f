"""Aggregated records, read by AWS's own library and by our ingest; and AWS's read by ours."""

import base64
from typing import Any

import aws_kinesis_agg.aggregator
from aws_kinesis_agg.deaggregator import deaggregate_records
from hypothesis import given
from hypothesis import strategies as st

from tidecloud.aggregate import parts_of
from tidecloud.record import Record
from tidegate.kinesis.aggregate import Aggregate, varint

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
contents = st.lists(st.binary(max_size=300), min_size=1, max_size=20)


def event(data: bytes, key: str) -> dict[str, Any]:
    facts = {"kinesisSchemaVersion": "1.0", "partitionKey": key, "sequenceNumber": "1"}
    facts |= {"data": base64.b64encode(data).decode(), "approximateArrivalTimestamp": 1.0}
    about = {"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": "shardId-0:1"}
    about |= {"eventName": "aws:kinesis:record", "invokeIdentityArn": "a", "awsRegion": "r"}
    return {**about, "kinesis": facts, "eventSourceARN": "a"}


@given(keys, contents)
def test_awss_library_and_our_ingest_read_what_we_wrote(key: str, records: list[bytes]) -> None:
    aggregate = Aggregate(key, bytes_max=1 << 20)
    for data in records:
        assert aggregate.fits(len(data))
        aggregate.add(data)
    written = aggregate.encode()
    assert len(written) == aggregate.bytes
    theirs = [
        (part["kinesis"]["partitionKey"], base64.b64decode(part["kinesis"]["data"]))
        for part in deaggregate_records([event(written, key)])
    ]
    assert theirs == [(key, data) for data in records]
    parts = parts_of(Record("shardId-0", "1", "outer", 0, written))
    assert [(part.partition_key, part.data) for part in parts] == theirs


@given(keys, contents)
def test_it_is_byte_for_byte_what_awss_library_writes(key: str, records: list[bytes]) -> None:
    theirs, ours = aws_kinesis_agg.aggregator.AggRecord(), Aggregate(key)
    for data in records:
        theirs.add_user_record(key, data)
        ours.add(data)
    assert ours.encode() == theirs.get_contents()[2]


@given(st.integers(100, 2000), st.lists(st.integers(0, 700), min_size=1, max_size=30))
def test_an_aggregate_never_grows_above_its_maximum(bytes_max: int, sizes: list[int]) -> None:
    aggregate = Aggregate("gateway-1", bytes_max=bytes_max)
    for size in sizes:
        if not aggregate.fits(size):
            break
        aggregate.add(bytes(size))
    assert len(aggregate.encode()) <= bytes_max or aggregate.records == 1


@given(st.integers(0, 1 << 64))
def test_a_varint_is_seven_bits_a_byte(number: int) -> None:
    written = varint(number)
    assert sum((byte & 127) << 7 * place for place, byte in enumerate(written)) == number
    assert [byte >> 7 for byte in written] == [1] * (len(written) - 1) + [0]
