"""`tidectl job`: what an operator types, sees and pipes; the thing answers as a board does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision


@contextmanager
def at_work(
    cloud: CloudProcess, target: Target, home: Home, thing: str
) -> Iterator[tuple[MqttDevice, str]]:
    """Connect as `thing`, which is made; yield it and where its jobs are."""
    folder = provision(target, home, thing, board=False)
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.subscribe(f"$aws/things/{thing}/#")
        yield device, f"$aws/things/{thing}/jobs"


def begun(device: MqttDevice, jobs: str) -> dict[str, Any]:
    """Begin the next job as a board does; return its execution."""
    execution: dict[str, Any] = device.ask(f"{jobs}/start-next", {})[1]["execution"]
    return execution


def test_a_job_is_made_worked_and_followed(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    home, thing = shared_home.path, "job-verb-1"
    with at_work(local_cloud, deployed, shared_home, thing) as (device, jobs):
        done = tidectl(
            "job", "create", "logs", "--thing", thing, "--lines", "4", "--timeout", "5", "--json",
            home=home,
        )  # fmt: skip
        job = done.json()["job"]
        assert "without `control`" in done.err
        waiting = tidectl("job", "status", job, "--json", home=home).json()
        assert waiting["things"] == [{"thing": thing, "status": "QUEUED", "details": {}}]
        execution = begun(device, jobs)
        assert execution["jobDocument"] == {"operation": "logs", "lines": 4}
        details = {"line_1": "12.345 all is well"}
        device.ask(f"{jobs}/{job}/update", {"status": "IN_PROGRESS", "statusDetails": details})
        shown = tidectl("job", "status", job, home=home)
        assert (f"{job}: 1 in progress" in shown.err, "all is well" in shown.out) == (True, True)
        device.ask(f"{jobs}/{job}/update", {"status": "SUCCEEDED", "statusDetails": details})
    ended = tidectl("job", "status", job, "--wait", "--json", home=home)
    assert (ended.code, ended.json()["things"][0]["details"]) == (0, details)
    listed = tidectl("job", "list", "--json", home=home).json()["jobs"]
    mine = [one for one in listed if one["name"] == job]
    assert (mine[0]["status"], mine[0]["description"]) == ("COMPLETED", "logs")
    assert job in tidectl("job", "list", home=home).out


def test_a_group_is_asked_and_one_that_fails_makes_waiting_fail(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    home, group, iot = shared_home.path, "job-verbs", deployed.client("iot")
    iot.create_thing_group(thingGroupName=group)
    with at_work(local_cloud, deployed, shared_home, "job-verb-2") as (device, jobs):
        iot.add_thing_to_thing_group(thingGroupName=group, thingName="job-verb-2")
        done = tidectl("job", "create", "diagnostics", "--group", group, home=home)
        job = begun(device, jobs)["jobId"]
        assert f"tidectl job status {job} --wait" in done.err
        why = {"reason": "MemoryError()"}
        device.ask(f"{jobs}/{job}/update", {"status": "FAILED", "statusDetails": why})
    done = tidectl("job", "status", job, "--wait", home=home)
    assert "1 of 1 things did not do it: job-verb-2" in done.complaint()
    assert "MemoryError()" in done.out


def test_a_job_is_taken_back_from_one_thing_and_from_all(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    home = shared_home.path
    names = ("job-verb-3", "job-verb-4")
    provision(deployed, shared_home, names[1], board=False)
    with at_work(local_cloud, deployed, shared_home, names[0]) as (device, jobs):
        things = [word for name in names for word in ("--thing", name)]
        job = tidectl("job", "create", "reboot", *things, "--json", home=home).json()["job"]
        begun(device, jobs)
        done = tidectl("job", "cancel", job, "--thing", names[1], "--json", home=home)
        states = {one["thing"]: one["status"] for one in done.json()["things"]}
        assert states == {names[0]: "IN_PROGRESS", names[1]: "CANCELED"}
        refused = tidectl("job", "cancel", job, "--thing", names[0], home=home)
        assert "can't be taken back" in refused.complaint()
        done = tidectl("job", "cancel", job, "--force", "--json", home=home)
        assert {one["status"] for one in done.json()["things"]} == {"CANCELED"}


def test_mistakes_are_one_clear_line(tidectl: Run, shared_home: Home) -> None:
    home = shared_home.path
    assert tidectl("job", "create", "reboot", home=home).code == 2
    assert tidectl("job", "create", "fly", "--thing", "x", home=home).code == 2
    done = tidectl("job", "create", "reboot", "--thing", "x", "--lines", "3", home=home)
    assert (done.code, "--lines is of logs" in done.err) == (2, True)
    done = tidectl("job", "create", "reboot", "--thing", "job-verb-9", home=home)
    assert done.complaint() == "there is no thing job-verb-9"
    done = tidectl("job", "create", "reboot", "--group", "job-verbs-9", home=home)
    assert done.complaint() == "there is no thing group job-verbs-9"
    assert "no job no-such" in tidectl("job", "status", "no-such", home=home).complaint()
    assert "no job no-such" in tidectl("job", "cancel", "no-such", home=home).complaint()
