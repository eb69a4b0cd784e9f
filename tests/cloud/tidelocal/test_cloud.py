"""The whole local cloud through kills and a full disk: nothing acknowledged is lost."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.tidelocal.disk import full_disk
from tests.local_cloud import Certificate, CloudProcess, wait_for
from tests.mqtt_device import HungUpError, MqttDevice

THING, STREAM = "kept-thing", "kept"
TOPIC = f"dt/{THING}/m"
Start = Callable[..., CloudProcess]


class Line:
    """A cloud of the test's own with a stream, a rule into it and a device."""

    def __init__(self, cloud: CloudProcess) -> None:
        self.cloud = cloud
        cloud.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
        to_stream = {
            "streamName": STREAM, "partitionKey": "${clientid()}",
            "roleArn": cloud.role("kept-rule", "iot"),
        }  # fmt: skip
        cloud.client("iot").create_topic_rule(
            ruleName="kept",
            topicRulePayload={
                "sql": "SELECT encode(*, 'base64') AS data FROM 'dt/+/+'",
                "actions": [{"kinesis": to_stream}],
            },
        )
        cloud.policy("kept", {"Action": ["iot:Connect", "iot:Publish"], "Resource": "*"})
        self.certificate: Certificate = cloud.provision(THING, "kept")
        cloud.wait_until_kept()

    def device(self) -> MqttDevice:
        return MqttDevice(self.cloud.facts, self.certificate, THING)

    def payloads(self) -> list[bytes]:
        documents = [json.loads(record["Data"]) for record in self.cloud.records(STREAM)]
        return [base64.b64decode(document["data"]) for document in documents]

    def kill_and_start(self) -> None:
        self.cloud.kill()
        self.cloud.start()


@pytest.fixture
def line(own_cloud: Start) -> Line:
    return Line(own_cloud())


def test_what_was_acknowledged_before_sigkill_is_there_in_order(line: Line) -> None:
    payloads = [b"%500d" % number for number in range(4000)]
    acknowledged = 0
    with closing(line.device()) as device:
        device.send(b"".join(device.packet(TOPIC, each) for each in payloads))
        for _ in range(60):
            device.receive()
            acknowledged += 1
        line.cloud.kill()  # with thousands on their way
        acknowledged += sum(1 for _ in _until_hung_up(device))
    assert acknowledged < len(payloads)
    line.cloud.start()
    kept = line.payloads()
    assert kept == payloads[: len(kept)]
    assert len(kept) >= acknowledged
    with line.device() as device:
        device.publish(TOPIC, b"next")
    assert line.payloads() == [*kept, b"next"]


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(line: Line) -> None:
    kinesis = line.cloud.client("kinesis")
    payloads = [b"%02d" % number + bytes(100_000) for number in range(30)]
    with full_disk(line.cloud.facts["pid"], file_bytes_max=1024 * 1024):
        with closing(line.device()) as device:
            acknowledged = payloads[: _publish_until_hung_up(device, payloads)]
        with pytest.raises(ClientError):
            kinesis.put_record(StreamName=STREAM, PartitionKey="k", Data=bytes(500_000))
    assert 2 <= len(acknowledged) < 30
    wait_for("the reason", lambda: "free some space, senders will try again" in line.cloud.log())
    with line.device() as device:
        device.publish(TOPIC, b"room again")
    assert line.payloads() == [*acknowledged, b"room again"]
    line.kill_and_start()
    assert line.payloads() == [*acknowledged, b"room again"]


TELLING = """
import base64, json, os, boto3
sqs, failed = boto3.client("sqs"), set()
def handler(event, context):
    for record in event["Records"]:
        kinesis = record["kinesis"]
        text = base64.b64decode(kinesis["data"]).decode()
        if text.startswith("once-") and text not in failed:
            failed.add(text)
            return {"batchItemFailures": [{"itemIdentifier": kinesis["sequenceNumber"]}]}
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=text)
    return {"batchItemFailures": []}
"""


class Delivery:
    """A function that tells a queue what it got, mapped to the stream."""

    def __init__(self, line: Line) -> None:
        self.cloud = line.cloud
        self._told: dict[str, str] = {}
        self._queue = self.cloud.client("sqs").create_queue(QueueName="told")["QueueUrl"]
        self.deploy()
        self.uuid = self.cloud.map_stream(
            STREAM, "telling", FunctionResponseTypes=["ReportBatchItemFailures"]
        )

    def deploy(self, name: str = "telling") -> None:
        roles = [role["RoleName"] for role in self.cloud.client("iam").list_roles()["Roles"]]
        if f"{name}-function" in roles:
            iam = self.cloud.client("iam")
            iam.delete_role_policy(RoleName=f"{name}-function", PolicyName="all")
            iam.delete_role(RoleName=f"{name}-function")
        self.cloud.function(name, TELLING, "sqs:SendMessage", QUEUE=self._queue)

    def put(self, *texts: str) -> str:
        """Put one record a text, at once, and return the last sequence number."""
        records: Any = [{"Data": text.encode(), "PartitionKey": "k"} for text in texts]
        answer = self.cloud.client("kinesis").put_records(StreamName=STREAM, Records=records)
        return str(answer["Records"][-1]["SequenceNumber"])

    def wait_until_passed(self, sequence_number: str) -> None:
        path = self.cloud.state / "mappings" / f"{self.uuid}.json"
        wait_for(
            f"the position {sequence_number}",
            lambda: sequence_number in json.loads(path.read_bytes()).values(),
            within_s=30,
        )

    def told(self) -> list[str]:
        """Return all that the function told: a killed cloud shows a message again, as the same."""
        sqs = self.cloud.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            self._told |= {message["MessageId"]: message["Body"] for message in messages}
        return list(self._told.values())


def test_a_restart_delivers_on_from_where_it_was(line: Line) -> None:
    delivery = Delivery(line)
    delivery.wait_until_passed(delivery.put("a", "b"))
    assert delivery.told() == ["a", "b"]
    line.kill_and_start()
    delivery.wait_until_passed(delivery.put("c"))
    assert delivery.told() == ["a", "b", "c"]
    assert line.cloud.stop() == 0
    line.cloud.start()
    delivery.wait_until_passed(delivery.put("d"))
    assert delivery.told() == ["a", "b", "c", "d"]


def test_a_reported_record_comes_again_with_those_behind_it_and_no_other(line: Line) -> None:
    delivery = Delivery(line)
    delivery.wait_until_passed(delivery.put("a", "once-b", "c", "once-d", "e"))
    assert delivery.told() == ["a", "once-b", "c", "once-d", "e"]


def test_records_of_an_absent_function_wait_for_it_in_order(line: Line) -> None:
    delivery = Delivery(line)
    line.cloud.client("lambda").delete_function(FunctionName="telling")
    last = delivery.put("a", "b", "c")
    wait_for("a failed delivery", lambda: "delivery failed function=telling" in line.cloud.log())
    delivery.deploy()
    delivery.wait_until_passed(last)
    assert delivery.told() == ["a", "b", "c"]


def _publish_until_hung_up(device: MqttDevice, payloads: list[bytes]) -> int:
    """Publish one after the other and return how many were acknowledged."""
    for count, payload in enumerate(payloads):
        try:
            device.publish(TOPIC, payload)
        except HungUpError:
            return count
    return len(payloads)


def _until_hung_up(device: MqttDevice) -> Iterator[bytes]:
    """Yield the bodies of what still comes."""
    try:
        while True:
            yield device.receive()[1]
    except HungUpError:
        return
