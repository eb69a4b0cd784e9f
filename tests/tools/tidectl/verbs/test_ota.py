"""`tidectl ota`: what an operator types, sees and pipes."""

import json
from pathlib import Path

import pytest

from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision
from tidectl.update_bundle import Facts, bundle
from tidectl.update_key import load_key

FILES = {"tidenode/app.mpy": b"M\x06code"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle that nobody has signed."""
    path = tmp_path / "one.update"
    path.write_bytes(bundle(Facts("9.0.0"), FILES).to_bytes())
    return path


def test_a_key_is_made_and_never_shown(tidectl: Run, tmp_path: Path) -> None:
    done = tidectl("ota", "key", "--json")
    assert done.json()["name"] == "update"
    pem = (tmp_path / "home" / "update_keys" / "update.pem").read_text()
    assert not [line for line in pem.splitlines() if line in done.out + done.err]
    assert "there is a key update already" in tidectl("ota", "key").complaint()


def test_the_program_is_built_and_signed(tidectl: Run, tmp_path: Path) -> None:
    tidectl("ota", "key")
    path = tmp_path / "new.update"
    done = tidectl("ota", "build", "--version", "1.2.3", "--output", str(path))
    assert f"next: tidectl ota sign {path}" in done.err
    assert "of version 1.2.3" in done.err
    assert "not signed" in done.err
    done = tidectl("ota", "sign", str(path), "--json")
    assert (done.json()["signed"], done.json()["version"]) == (True, "1.2.3")
    done = tidectl(
        "ota", "build", "--version", "1.2.3", "--key", "update", "--output", str(path), "--json",
        "--board", "esp32", "--board", "linux", "--downgrade-from", "1.3.0", "--minimum", "1.0.0",
    )  # fmt: skip
    facts = done.json()
    assert (facts["boards"], facts["minimum"]) == (["ESP32", "linux"], "1.0.0")
    assert facts["downgrade_from"] == ["1.3.0"]


def test_what_can_not_be_is_one_clear_line(tidectl: Run, path: Path, shared_home: Home) -> None:
    assert "no key" in tidectl("ota", "sign", str(path)).complaint()
    assert "version '1'" in tidectl("ota", "build", "--version", "1").complaint()
    done = tidectl("ota", "publish", str(path), "--thing", "x", home=shared_home.path)
    assert "nobody has signed it" in done.complaint()
    done = tidectl("ota", "status", "no-such-job", home=shared_home.path)
    assert "there is no job no-such-job" in done.complaint()
    assert tidectl("ota", "publish", str(path)).code == 2


def test_an_update_is_published_worked_and_followed(
    tidectl: Run, path: Path, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    home = shared_home.path
    thing = "ota-verb-1"
    folder = provision(deployed, shared_home, thing, board=False)
    if not (shared_home.update_keys / "verbs.pem").exists():
        tidectl("ota", "key", "verbs", home=home)
    tidectl("ota", "sign", str(path), "--key", "verbs", home=home)
    done = tidectl("ota", "publish", str(path), "--thing", "ota-verb-9", home=home)
    assert "there is no thing ota-verb-9" in done.complaint()
    done = tidectl(
        "ota", "publish", str(path), "--thing", thing, "--rate", "60", "--retries", "2",
        "--abort-percent", "50", "--timeout", "30", "--json", home=home,
    )  # fmt: skip
    job = done.json()["job"]
    status = tidectl("ota", "status", job, "--json", home=home).json()
    assert status["things"] == [{"thing": thing, "status": "QUEUED", "details": {}}]
    described = deployed.client("iot").describe_job(jobId=job)["job"]
    assert described["jobExecutionsRolloutConfig"]["maximumPerMinute"] == 60
    assert described["timeoutConfig"]["inProgressTimeoutInMinutes"] == 30
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    jobs = f"$aws/things/{thing}/jobs"
    with MqttDevice(local_cloud.facts, certificate, thing) as device:
        device.subscribe(f"$aws/things/{thing}/#")
        execution = device.ask(f"{jobs}/start-next", {})[1]["execution"]
        assert execution["jobDocument"]["operation"] == "update"
        file = execution["jobDocument"]["file"]
        data = path.read_bytes()
        assert file["bytes"] == len(data)
        details = {"step": "files", "percent": "40"}
        device.ask(f"{jobs}/{job}/update", {"status": "IN_PROGRESS", "statusDetails": details})
        listed = tidectl("ota", "status", home=home)
        assert "percent 40, step files" in listed.out
        device.ask(f"{jobs}/{job}/update", {"status": "SUCCEEDED"})
    done = tidectl("ota", "status", job, "--wait", home=home)
    assert (done.code, "1 succeeded" in done.err) == (0, True)


def test_a_thing_that_refuses_makes_waiting_fail(
    tidectl: Run, path: Path, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    thing = "ota-verb-2"
    folder = provision(deployed, shared_home, thing, board=False)
    if not (shared_home.update_keys / "verbs.pem").exists():
        tidectl("ota", "key", "verbs", home=shared_home.path)
    tidectl("ota", "sign", str(path), "--key", "verbs", home=shared_home.path)
    published = tidectl(
        "ota", "publish", str(path), "--thing", thing, "--json", home=shared_home.path
    )
    job = json.loads(published.out)["job"]
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    with MqttDevice(local_cloud.facts, certificate, thing) as device:
        device.subscribe(f"$aws/things/{thing}/#")
        device.ask(f"$aws/things/{thing}/jobs/start-next", {})
        why = {"why": "no key on this board has signed it"}
        device.ask(
            f"$aws/things/{thing}/jobs/{job}/update", {"status": "REJECTED", "statusDetails": why}
        )
    done = tidectl("ota", "status", job, "--wait", home=shared_home.path)
    assert f"1 of 1 things did not do it: {thing}" in done.complaint()
    assert "no key on this board" in done.out


def test_the_key_that_signs_is_the_one_that_was_asked_for(
    tidectl: Run, path: Path, tmp_path: Path
) -> None:
    tidectl("ota", "key", "spare", "--kind", "rsa2048")
    assert tidectl("ota", "sign", str(path), "--key", "spare").code == 0
    key = load_key(Home(tmp_path / "home"), "spare")
    assert len(path.read_bytes().partition(b'{"format"')[0]) == 14 + len(key.sign(b""))
