"""What is set aside lies whole in the bucket, once, with its reason."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tidecloud import QuarantineError, Record
from tidecloud.pipeline import Aside
from tidecloud.quarantine import S3Quarantine, document_of, key_of


@pytest.fixture
def aside(make_record: Callable[..., Record]) -> Aside:
    record = replace(make_record(b"\xff\x00poison"), arrived_at_ms=1_767_225_599_999)
    return Aside(3, record, "payload", "WireMalformedError: not a map")


def test_the_key_names_reason_day_and_place(aside: Aside) -> None:
    key = "payload/2025/12/31/shardId-000000000000-49600000000001.json"
    assert key_of(aside) == key
    part = replace(aside, record=replace(aside.record, part=4))
    assert key_of(part) == key.replace(".json", "-4.json")


def test_the_object_holds_the_record_whole(aside: Aside) -> None:
    document = json.loads(document_of(aside))
    assert base64.b64decode(document.pop("data")) == aside.record.data
    assert document == {
        "reason": "payload",
        "error": "WireMalformedError: not a map",
        "shard": "shardId-000000000000",
        "sequence_number": "49600000000001",
        "part": None,
        "partition_key": "board-1",
        "arrived_at_ms": 1_767_225_599_999,
    }


def test_a_bucket_that_takes_nothing_raises(aside: Aside) -> None:
    s3 = boto3.client(
        "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    quarantine = S3Quarantine(s3=s3, bucket="aside")
    with Stubber(s3) as stub:
        expected = {"Bucket": "aside", "Key": key_of(aside), "Body": document_of(aside)}
        stub.add_response("put_object", {}, expected | {"ContentType": ANY})
        quarantine.put(aside)
        stub.add_client_error("put_object", "SlowDown", "reduce your request rate", 503)
        with pytest.raises(QuarantineError, match=r"s3://aside/payload/.*reduce your request rate"):
            quarantine.put(aside)
