"""From a device's publish to a record, a function and a file: the real local cloud."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local_cloud import Certificate, CloudProcess, wait_for
from tests.mqtt_device import HungUpError, MqttDevice

THING = "line-thing"
EVERY_BYTE = bytes(range(256))
SQL = (
    "SELECT clientid() AS client, topic() AS topic, timestamp() AS received_at, "
    "encode(*, 'base64') AS data FROM 'dt/line/+/+/+'"
)


@pytest.fixture(scope="module")
def cloud(local_cloud: CloudProcess) -> CloudProcess:
    """The shared local cloud with a stream, a rule into it and a policy for one thing."""
    local_cloud.client("kinesis").create_stream(StreamName="line", ShardCount=1)
    local_cloud.client("sqs").create_queue(QueueName="line-errors")
    iot = local_cloud.client("iot")
    role = local_cloud.role("line-rule", "iot")
    iot.create_topic_rule(
        ruleName="line",
        topicRulePayload={
            "sql": SQL,
            "awsIotSqlVersion": "2016-03-23",
            "actions": [
                {
                    "kinesis": {
                        "streamName": "line",
                        "partitionKey": "${topic(4)}",
                        "roleArn": role,
                    }
                }
            ],
        },
    )
    arn = f"arn:aws:iot:{local_cloud.facts['region']}:{local_cloud.facts['account']}"
    own = "${iot:Connection.Thing.ThingName}"
    local_cloud.policy(
        "line",
        {"Action": "iot:Connect", "Resource": f"{arn}:client/{own}"},
        {
            "Action": "iot:Publish",
            "Resource": [f"{arn}:topic/dt/line/*/{own}/*", f"{arn}:topic/$aws/rules/*"],
        },
    )
    return local_cloud


@pytest.fixture(scope="module")
def certificate(cloud: CloudProcess) -> Certificate:
    return cloud.provision(THING, "line")


@pytest.fixture
def device(cloud: CloudProcess, certificate: Certificate) -> Iterator[MqttDevice]:
    with MqttDevice(cloud.facts, certificate, THING) as device:
        yield device


def test_a_publish_is_a_record_with_every_byte_intact(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    before_ms = time.time_ns() // 1_000_000
    device.publish(f"dt/line/home/{THING}/every", EVERY_BYTE)
    record, document = _last_record(cloud, "line")
    assert base64.b64decode(document.pop("data")) == EVERY_BYTE
    received_at = document.pop("received_at")
    assert before_ms <= received_at <= time.time_ns() // 1_000_000
    assert document == {"client": THING, "topic": f"dt/line/home/{THING}/every"}
    assert record["PartitionKey"] == THING


def test_basic_ingest_reaches_its_rule_and_hides_the_prefix(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    device.publish(f"$aws/rules/line/dt/line/home/{THING}/basic", EVERY_BYTE)
    record, document = _last_record(cloud, "line")
    assert document["topic"] == f"dt/line/home/{THING}/basic"
    assert document["client"] == record["PartitionKey"] == THING


def test_a_record_is_in_the_stream_when_its_publish_is_acknowledged(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    count = len(cloud.records("line"))
    for number in range(20):
        device.publish(f"dt/line/home/{THING}/count", b"%d" % number)
        assert len(cloud.records("line")) == count + number + 1


def test_basic_ingest_to_a_rule_that_does_not_exist_is_not_acknowledged(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    with pytest.raises(HungUpError):
        device.publish("$aws/rules/line_absent/dt/line/x/y/z", b"1")
    assert "there is no such rule: deploy the stack first" in cloud.log()


def test_a_failing_action_sends_the_documented_document_to_the_error_action(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    sqs = cloud.client("sqs")
    queue_url = sqs.get_queue_url(QueueName="line-errors")["QueueUrl"]
    role = cloud.role("line-failing", "iot")
    cloud.client("iot").create_topic_rule(
        ruleName="line_failing",
        topicRulePayload={
            "sql": "SELECT * FROM 'dt/line/failing/+/+'",
            "actions": [
                {"kinesis": {"streamName": "no-such", "partitionKey": "x", "roleArn": role}}
            ],
            "errorAction": {"sqs": {"queueUrl": queue_url, "roleArn": role}},
        },
    )
    device.publish(f"dt/line/failing/{THING}/m", EVERY_BYTE)
    (message,) = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    document = json.loads(message["Body"])
    (failure,) = document["failures"]
    assert base64.b64decode(document["base64OriginalPayload"]) == EVERY_BYTE
    assert document["ruleName"] == "line_failing"
    assert document["clientId"] == THING
    assert document["topic"] == f"dt/line/failing/{THING}/m"
    assert (failure["failedAction"], failure["failedResource"]) == ("KinesisAction", "no-such")
    assert "ResourceNotFoundException" in failure["errorMessage"]


@pytest.mark.parametrize(
    ("sql", "actions", "reason"),
    [
        ("SELECT bogus( FROM 'a'", [], "unexpected"),
        ("SELECT get_thing_shadow('a') AS s FROM 'a'", [], "does not run in this local cloud yet"),
        ("SELECT VALUE a FROM 'a'", [], "SELECT VALUE"),
        ("SELECT a FROM 'a/#/b'", [], "# is the last"),
        ("SELECT * FROM 'a'", [{"sns": {"targetArn": "x", "roleArn": "x"}}], "'sns'"),
        (
            "SELECT * FROM 'a'",
            [{"s3": {"bucketName": "b", "key": "${", "roleArn": "x"}}],
            "without its }",
        ),
    ],
)
def test_a_rule_that_could_not_run_as_written_is_refused(
    cloud: CloudProcess, sql: str, actions: list[dict[str, Any]], reason: str
) -> None:
    iot = cloud.client("iot")
    with pytest.raises(iot.exceptions.SqlParseException, match=reason):
        iot.create_topic_rule(
            ruleName="line_bad", topicRulePayload={"sql": sql, "actions": actions}
        )
    assert "line_bad" not in [rule["ruleName"] for rule in iot.list_topic_rules()["rules"]]


def test_a_function_gets_the_records_and_its_environment_and_stays_warm(
    cloud: CloudProcess, device: MqttDevice
) -> None:
    _deploy_echo(cloud)
    for number in range(3):
        device.publish(f"$aws/rules/line/dt/line/fn/{THING}/m", b"echo %d" % number)
    echoes = wait_for("three echoes", lambda: _echoes(cloud, at_least=3))
    assert [echo["payload"] for echo in echoes] == ["echo 0", "echo 1", "echo 2"]
    assert {echo["greeting"] for echo in echoes} == {"hello"}
    assert {echo["identity"].rpartition("/")[0] for echo in echoes} == {
        f"arn:aws:sts::{cloud.facts['account']}:assumed-role/line-echo-function"
    }
    assert len({echo["pid"] for echo in echoes}) == 1, "the function was not reused"
    log = (cloud.state / "logs" / "functions.log").read_text()
    assert "line-echo saw 'echo 0'" in log


ECHO = """
import base64, json, os, boto3
sqs, sts = boto3.client("sqs"), boto3.client("sts")
def handler(event, context):
    for record in event["Records"]:
        document = json.loads(base64.b64decode(record["kinesis"]["data"]))
        payload = base64.b64decode(document["data"]).decode("latin-1")
        if not payload.startswith("echo"):
            continue
        print("saw", repr(payload))
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({
            "payload": payload, "greeting": os.environ["GREETING"], "pid": os.getpid(),
            "identity": sts.get_caller_identity()["Arn"]}))
"""


def _deploy_echo(cloud: CloudProcess) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="line-echo")["QueueUrl"]
    cloud.function("line-echo", ECHO, "sqs:SendMessage", QUEUE=queue, GREETING="hello")
    cloud.map_stream("line", "line-echo", BatchSize=1)


def _echoes(cloud: CloudProcess, *, at_least: int) -> list[dict[str, Any]]:
    sqs = cloud.client("sqs")
    queue_url = sqs.get_queue_url(QueueName="line-echo")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    if int(attributes["ApproximateNumberOfMessages"]) < at_least:
        return []
    messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    return sorted((json.loads(m["Body"]) for m in messages), key=lambda echo: str(echo["payload"]))


def _last_record(cloud: CloudProcess, stream: str) -> tuple[dict[str, Any], dict[str, Any]]:
    record = cloud.records(stream)[-1]
    return record, json.loads(record["Data"])
