"""A rule's life with one message: actions, failures, the error action's document."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest

from tests.cloud.tidelocal.rules.messages import message
from tests.cloud.tidelocal.rules.services import Recorder
from tidelocal.errors import ServiceCallError, StreamFullError
from tidelocal.rules.errors import RuleRefusedError, UndeliveredError
from tidelocal.rules.message import Message
from tidelocal.rules.rule import Rule, compile_rule

TO_STREAM = {"kinesis": {"streamName": "s", "partitionKey": "${topic(3)}", "roleArn": "r"}}
TO_BUCKET = {"s3": {"bucketName": "b", "key": "k", "roleArn": "r"}}
TO_QUEUE = {"sqs": {"queueUrl": "http://q", "roleArn": "r"}}
GONE = ServiceCallError("kinesis", "ResourceNotFoundException", "s")


def _rule(services: Recorder, sql: str = "SELECT * FROM '#'", **more: Any) -> Rule:
    definition: Mapping[str, Any] = {"sql": sql, "actions": [TO_STREAM, TO_BUCKET], **more}
    return compile_rule("a_rule", definition, services)


def _run(rule: Rule, services: Recorder, one: Message | None = None) -> int:
    return asyncio.run(rule.run(one or message(b"\x00data"), services.flush))


def test_every_action_gets_the_message() -> None:
    services = Recorder()
    assert _run(_rule(services), services) == 0
    assert [call[0] for call in services.calls] == ["put_record", "put_object"]


def test_no_action_runs_when_where_is_not_true() -> None:
    services = Recorder()
    assert _run(_rule(services, "SELECT * FROM '#' WHERE a > 1"), services) == 0
    assert services.calls == []


def test_the_error_action_gets_one_document_for_all_failures() -> None:
    services = Recorder(put_record=GONE, put_object=ServiceCallError("s3", "NoSuchBucket", "b"))
    assert _run(_rule(services, errorAction=TO_QUEUE), services) == 2
    (document,) = services.documents("send_message")
    assert base64.b64decode(document.pop("base64OriginalPayload")) == b"\x00data"
    assert document == {
        "ruleName": "a_rule",
        "topic": "dt/site/thing/climate",
        "cloudwatchTraceId": "a-trace",
        "clientId": "thing",
        "sourceIp": "192.0.2.7",
        "failures": [
            {
                "failedAction": "KinesisAction",
                "failedResource": "s",
                "errorMessage": "kinesis: ResourceNotFoundException: s",
            },
            {
                "failedAction": "S3Action",
                "failedResource": "b",
                "errorMessage": "s3: NoSuchBucket: b",
            },
        ],
    }
    assert services.calls[-1] == ("flush", {})


def test_one_failing_action_does_not_keep_the_message_from_the_others() -> None:
    services = Recorder(put_record=GONE)
    assert _run(_rule(services, errorAction=TO_QUEUE), services) == 1
    assert [call[0] for call in services.calls] == ["put_object", "send_message", "flush"]


def test_a_failure_without_an_error_action_is_counted_and_dropped() -> None:
    services = Recorder(put_record=GONE)
    assert _run(_rule(services), services) == 1


def test_a_message_that_nobody_takes_is_undelivered() -> None:
    services = Recorder(put_record=GONE, send_message=ServiceCallError("sqs", "Gone", "q"))
    rule = _rule(services, errorAction=TO_QUEUE)
    with pytest.raises(UndeliveredError, match=r"ResourceNotFoundException.*; then sqs: Gone: q"):
        _run(rule, services)


@pytest.mark.parametrize("failing", ["put_record", "send_message"])
def test_a_full_stream_or_disk_is_the_senders_to_wait_for(failing: str) -> None:
    full = StreamFullError("s", 9, 9)
    faults: dict[str, Exception] = {"put_record": GONE, failing: full}
    services = Recorder(**faults)
    with pytest.raises(StreamFullError):
        _run(_rule(services, errorAction=TO_QUEUE), services)


@pytest.mark.parametrize(
    ("sql", "payload"),
    [
        ("SELECT *, topic() AS t FROM '#'", b"\xff"),
        ("SELECT *, 1 AS a.b FROM '#'", b'{"a":1}'),
        ("SELECT upper(a) AS t FROM '#'", b'{"a":' + b"[" * 1020 + b"]" * 1020 + b"}"),
    ],
)
def test_a_payload_the_select_can_not_take_goes_to_the_error_action(
    sql: str, payload: bytes
) -> None:
    services = Recorder()
    assert _run(_rule(services, sql, errorAction=TO_QUEUE), services, message(payload)) == 1
    (document,) = services.documents("send_message")
    assert base64.b64decode(document["base64OriginalPayload"]) == payload
    assert document["failures"][0]["failedAction"] == "SelectClause"


def test_without_a_client_the_document_says_so() -> None:
    services = Recorder(put_record=GONE)
    _run(_rule(services, errorAction=TO_QUEUE), services, message(b"x", client=None))
    (document,) = services.documents("send_message")
    assert document["clientId"] == "N/A"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"awsIotSqlVersion": "2015-10-08"}, "SQL version 2015-10-08 does not run here"),
        ({"actions": [TO_STREAM] * 11}, "11 actions, 10 at most"),
        ({"actions": [{"timestream": {}}]}, "'timestream' does not run in this local cloud yet"),
        ({"errorAction": {"sns": {}}}, "'sns' does not run in this local cloud yet"),
        ({"sql": None}, "ends too early"),
        ({"sql": "SELECT " + "NOT " * 20_000 + "a AS x FROM 'a'"}, "nested too deeply"),
    ],
)
def test_a_rule_that_could_not_run_is_refused(changes: dict[str, Any], told: str) -> None:
    definition = {"sql": "SELECT * FROM 'a'", "actions": [TO_STREAM]} | changes
    with pytest.raises(RuleRefusedError, match=told):
        compile_rule("a_rule", definition, Recorder())


@pytest.mark.parametrize(
    ("given", "disabled"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_a_rule_is_disabled_by_truth_or_its_text(given: object, disabled: bool) -> None:
    assert _rule(Recorder(), ruleDisabled=given).disabled is disabled
