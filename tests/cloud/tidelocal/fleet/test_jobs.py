"""A thing's jobs over MQTT, made by the API as an operator makes them."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_cloud import wait_for
from tests.mqtt_device import HungUpError, MqttDevice
from tidectl.target import Target

JOB = {"operation": "restart", "reason": "café"}


@pytest.fixture
def jobs(thing: str) -> str:
    return f"$aws/things/{thing}/jobs"


def _create(target: Target, job: str, *targets: str, **more: Any) -> None:
    target.client("iot").create_job(
        jobId=job, targets=list(targets), document=json.dumps(JOB), **more
    )


def _arn(target: Target, thing: str) -> str:
    return str(target.client("iot").describe_thing(thingName=thing)["thingArn"])


def _notified(device: MqttDevice, jobs: str) -> Any:
    """Return the next document of notify-next."""
    while True:
        topic, body = device.message()
        if topic == f"{jobs}/notify-next":
            return json.loads(body)


def test_a_job_is_told_started_worked_and_done(
    device: MqttDevice, deployed: Target, thing: str, jobs: str
) -> None:
    _create(deployed, f"{thing}-1", _arn(deployed, thing))
    execution = _notified(device, jobs)["execution"]
    assert (execution["jobId"], execution["status"]) == (f"{thing}-1", "QUEUED")
    assert execution["jobDocument"] == JOB
    answer, document = device.ask(f"{jobs}/start-next", {"clientToken": "s"})
    assert (answer, document["clientToken"]) == ("accepted", "s")
    execution = document["execution"]
    assert (execution["status"], execution["jobDocument"]) == ("IN_PROGRESS", JOB)
    update = f"{jobs}/{thing}-1/update"
    answer, document = device.ask(
        update,
        {
            "status": "IN_PROGRESS",
            "statusDetails": {"percent": "40"},
            "expectedVersion": execution["versionNumber"],
            "includeJobExecutionState": True,
        },
    )
    assert answer == "accepted"
    assert document["executionState"]["statusDetails"] == {"percent": "40"}
    answer, document = device.ask(update, {"status": "SUCCEEDED", "expectedVersion": 1})
    assert (answer, document["code"]) == ("rejected", "VersionMismatch")
    assert device.ask(update, {"status": "SUCCEEDED"})[0] == "accepted"
    assert "execution" not in _notified(device, jobs)  # nothing is next
    answer, document = device.ask(update, {"status": "FAILED"})
    assert (answer, document["code"]) == ("rejected", "InvalidStateTransition")
    described = deployed.client("iot").describe_job(jobId=f"{thing}-1")["job"]
    assert described["status"] == "COMPLETED"


def test_a_thing_that_was_away_asks_what_is_next(
    connect: Callable[..., MqttDevice], deployed: Target, thing: str, jobs: str
) -> None:
    _create(deployed, f"{thing}-1", _arn(deployed, thing))
    device = connect()
    assert device.ask(f"{jobs}/$next/get", {})[1]["execution"]["jobId"] == f"{thing}-1"
    assert device.ask(f"{jobs}/get", {})[1]["queuedJobs"][0]["jobId"] == f"{thing}-1"
    device.ask(f"{jobs}/{thing}-1/update", {"status": "REJECTED"})
    assert "execution" not in device.ask(f"{jobs}/$next/get", {})[1]


def test_a_job_of_a_group_reaches_its_things_also_those_that_join(
    device: MqttDevice, deployed: Target, thing: str, jobs: str
) -> None:
    iot, group = deployed.client("iot"), f"group-{thing}"
    arn = iot.create_thing_group(thingGroupName=group)["thingGroupArn"]
    _create(deployed, f"{thing}-g", arn, targetSelection="CONTINUOUS")
    iot.add_thing_to_thing_group(thingGroupName=group, thingName=thing)
    assert _notified(device, jobs)["execution"]["jobId"] == f"{thing}-g"
    assert device.ask(f"{jobs}/start-next", {})[1]["execution"]["jobDocument"] == JOB
    assert device.ask(f"{jobs}/{thing}-g/update", {"status": "SUCCEEDED"})[0] == "accepted"


def test_a_cancelled_job_is_no_longer_next(
    device: MqttDevice, deployed: Target, thing: str, jobs: str
) -> None:
    _create(deployed, f"{thing}-1", _arn(deployed, thing))
    _notified(device, jobs)
    deployed.client("iot").cancel_job(jobId=f"{thing}-1")
    assert "execution" not in _notified(device, jobs)


def test_a_presigned_address_in_a_job_can_be_fetched(
    device: MqttDevice, deployed: Target, thing: str, jobs: str
) -> None:
    outputs = deployed.stack_outputs()
    bucket, key = outputs["FleetBucketName"], f"bundles/{thing}"
    deployed.client("s3").put_object(Bucket=bucket, Key=key, Body=b"bundle")
    place = f"https://s3.{deployed.region}.amazonaws.com/{bucket}/{key}"
    deployed.client("iot").create_job(
        jobId=f"{thing}-1",
        targets=[_arn(deployed, thing)],
        document=json.dumps({"url": "${aws:iot:s3-presigned-url:" + place + "}"}),
        presignedUrlConfig={"roleArn": outputs["FilesRoleArn"], "expiresInSec": 60},
    )
    url = device.ask(f"{jobs}/$next/get", {})[1]["execution"]["jobDocument"]["url"]
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 the local cloud's own
        assert answer.read() == b"bundle"


@pytest.mark.parametrize("payload", [b"{", b"[]"])
def test_a_wrong_request_is_rejected(device: MqttDevice, jobs: str, payload: bytes) -> None:
    assert device.ask(f"{jobs}/start-next", payload)[1]["code"] == "InvalidJson"


def test_another_things_job_ends_the_connection(
    device: MqttDevice, deployed: Target, thing: str
) -> None:
    deployed.client("iot").create_thing(thingName=f"{thing}0")
    _create(deployed, f"{thing}-other", _arn(deployed, f"{thing}0"))
    with pytest.raises(HungUpError):
        device.publish(f"$aws/things/{thing}0/jobs/start-next", b"{}")
    execution = deployed.client("iot").describe_job_execution(
        jobId=f"{thing}-other", thingName=f"{thing}0"
    )["execution"]
    assert execution["status"] == "QUEUED"


def test_what_a_thing_did_with_a_job_is_kept(
    device: MqttDevice, deployed: Target, thing: str, jobs: str, local_cloud: Any
) -> None:
    _create(deployed, f"{thing}-kept", _arn(deployed, thing))
    device.ask(f"{jobs}/start-next", {"statusDetails": {"mark": f"kept-by-{thing}"}})
    kept = local_cloud.state / "services" / "iot.json"
    wait_for("the job's details on the disk", lambda: f"kept-by-{thing}" in kept.read_text())
