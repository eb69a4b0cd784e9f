"""Each action: what it sends, and what it refuses when its rule is made."""

import asyncio
import base64
from typing import Any

import pytest

from tests.cloud.tidelocal.rules.messages import message
from tests.cloud.tidelocal.rules.services import Recorder
from tidelocal.rules.actions import compile_action
from tidelocal.rules.errors import PayloadError, RuleRefusedError
from tidelocal.rules.statement import Output

HERE = {"account": "000000000000", "region": "us-east-1"}


def _run(kind: str, settings: dict[str, Any], output: Output) -> tuple[str, dict[str, Any]]:
    services = Recorder()
    action = compile_action({kind: {**settings, "roleArn": "a-role"}}, services)

    async def run() -> None:
        await action.run(message({"n": 7}), output)

    asyncio.run(run())
    assert action.kind == kind
    (call,) = services.calls
    return call


def test_kinesis_puts_a_record_under_its_key() -> None:
    settings = {"streamName": "s", "partitionKey": "${topic(3)}-${n}"}
    name, call = _run("kinesis", settings, {"a": 1})
    assert name == "put_record"
    assert call == {**HERE, "stream": "s", "key": "thing-7", "data": b'{"a":1}'}


def test_kinesis_without_a_key_takes_a_new_one_each_time() -> None:
    keys = {_run("kinesis", {"streamName": "s"}, b"x")[1]["key"] for _ in range(3)}
    assert len(keys) == 3


def test_a_partition_key_is_cut_to_what_kinesis_takes() -> None:
    settings = {"streamName": "s", "partitionKey": "k" * 300}
    assert _run("kinesis", settings, b"x")[1]["key"] == "k" * 256


def test_s3_writes_an_object_under_its_key() -> None:
    settings = {"bucketName": "b", "key": "${topic(2)}/${timestamp()}", "cannedAcl": "private"}
    name, call = _run("s3", settings, b"\x00")
    assert (name, call["bucket"], call["key"]) == ("put_object", "b", "site/1790000000123")
    assert call["body"] == b"\x00"
    assert call["headers"]["x-amz-acl"] == "private"


def test_sqs_sends_text_or_base64() -> None:
    plain = _run("sqs", {"queueUrl": "q"}, {"a": "ü"})[1]["body"]
    coded = _run("sqs", {"queueUrl": "q", "useBase64": True}, b"\xff")[1]["body"]
    assert (plain, base64.b64decode(coded)) == ('{"a":"ü"}', b"\xff")


def test_sqs_refuses_bytes_that_are_no_text() -> None:
    with pytest.raises(PayloadError, match="use encode"):
        _run("sqs", {"queueUrl": "q"}, b"\xff")


@pytest.mark.parametrize(
    ("output", "event"), [({"a": 1}, {"a": 1}), (b'{"a": 1}', {"a": 1}), (b"text", "text")]
)
def test_lambda_gets_json_or_text(output: Output, event: object) -> None:
    name, call = _run("lambda", {"functionArn": "f"}, output)
    assert (name, call["function_arn"], call["event"]) == ("invoke_later", "f", event)


@pytest.mark.parametrize(
    ("topic", "target"),
    [("a/${topic(2)}", "a/site"), ("$$aws/things/x/shadow/update", "$aws/things/x/shadow/update")],
)
def test_republish_publishes_as_its_role(topic: str, target: str) -> None:
    name, call = _run("republish", {"topic": topic, "qos": 1}, b"x")
    assert name == "publish"
    assert call == {**HERE, "topic": target, "payload": b"x", "qos": 1, "role": "a-role"}


@pytest.mark.parametrize("topic", ["${missing}", "a/+", "a/#", "é" * 129])
def test_republish_to_what_is_no_topic_is_the_payloads_mistake(topic: str) -> None:
    with pytest.raises(PayloadError, match="is no topic to republish to"):
        _run("republish", {"topic": topic}, b"x")


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({}, "one kind"),
        ({"s3": {}, "sqs": {}}, "one kind"),
        ({"dynamoDBv2": {}}, "'dynamoDBv2' does not run in this local cloud yet"),
        ({"influxDB": {}}, "these do: kinesis, lambda, republish, s3, sqs"),
        ({"kinesis": {"partitionKey": "k"}}, "'kinesis' needs streamName"),
        ({"kinesis": {"streamName": 5}}, "'kinesis' needs streamName"),
        ({"kinesis": None}, "'kinesis' needs streamName"),
        ({"s3": {"bucketName": "b"}}, "'s3' needs key"),
        ({"s3": {"bucketName": "b", "key": "${"}}, "without its }"),
        ({"s3": {"bucketName": "b", "key": "k", "headers": []}}, "'s3' with headers"),
        ({"sqs": {"queueUrl": "q.fifo"}}, "no FIFO queue"),
        ({"republish": {"topic": "a", "qos": 2}}, "qos 0 or 1, not 2"),
        ({"republish": {"topic": "a", "qos": "x"}}, "qos 0 or 1, not x"),
        ({"republish": {"topic": "a", "headers": {}}}, "'republish' with headers"),
        ({"lambda": {}}, "'lambda' needs functionArn"),
    ],
)
def test_an_action_that_could_not_run_is_refused(definition: dict[str, Any], told: str) -> None:
    with pytest.raises(RuleRefusedError) as refusal:
        compile_action(definition, Recorder())
    assert told in str(refusal.value)
