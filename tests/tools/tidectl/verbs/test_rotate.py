"""`tidectl rotate`: what it believes of a thing, and what it leaves alone when it does not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fleet_device import ANSWERS, sign
from tests.fleet_device import provision as register
from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tests.tools.tidectl.conftest import Done, Run
from tidectl.home import Home
from tidectl.registry import Registry
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision

Rotated = Callable[..., tuple[Done, ThingFolder]]
HERE = "{here}"  # stands for the certificate that the thing has
NEW = "{new}"  # for the one that it got during the job


@contextmanager
def answering(
    cloud: CloudProcess, target: Target, home: Home, thing: str, report: dict[str, Any]
) -> Iterator[ThingFolder]:
    """Answer one job as `thing` with `report`, having asked for another certificate before."""
    folder = provision(target, home, thing, board=False)
    old = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    with MqttDevice(cloud.facts, old, thing) as device:
        device.subscribe(f"$aws/things/{thing}/#", *ANSWERS)

        def work() -> None:
            while True:  # until the job is there
                topic, _ = device.message()
                if topic.endswith("/notify-next"):
                    break
            jobs = f"$aws/things/{thing}/jobs"
            job = device.ask(f"{jobs}/start-next", {})[1]["execution"]["jobId"]
            signed = sign(device)
            parameters = {"ThingName": thing, "SerialNumber": "A-1", "Site": "home"}
            register(device, signed.token, **parameters)
            ids = {HERE: old.certificate_id, NEW: signed.document["certificateId"]}
            details = report.get("statusDetails", {})
            told = {key: ids.get(value, value) for key, value in details.items()}
            device.ask(f"{jobs}/{job}/update", report | {"statusDetails": told})

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield folder
        thread.join()


@pytest.fixture
def rotated(
    tidectl: Run, local_cloud: CloudProcess, deployed: Target, shared_home: Home
) -> Rotated:
    """Run `tidectl rotate` for a thing that answers with a report."""

    def run(thing: str, *words: str, **report: Any) -> tuple[Done, ThingFolder]:
        with answering(local_cloud, deployed, shared_home, thing, report) as folder:
            return tidectl("rotate", thing, *words, home=shared_home.path), folder

    return run


def test_the_old_certificate_is_ended_when_it_is_asked_for(
    rotated: Rotated, deployed: Target
) -> None:
    done, folder = rotated(
        "rotate-1", "--revoke-old", "--json",
        status="SUCCEEDED", statusDetails={"certificate": NEW},
    )  # fmt: skip
    assert done.code == 0, done.err
    facts = done.json()
    assert Registry(deployed).certificates("rotate-1") == [facts["certificate_arn"]]
    assert (len(facts["revoked"]), facts["still_good"]) == (1, [])
    assert folder.identity_on_board
    assert folder.facts()["certificate_arn"] == facts["certificate_arn"]
    assert not folder.key_path.exists()


def test_without_a_word_the_old_one_stays_and_the_way_to_end_it_is_told(
    rotated: Rotated, deployed: Target
) -> None:
    done, _ = rotated(
        "rotate-2",
        status="SUCCEEDED", statusDetails={"certificate": NEW},
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "stays good: tidectl rotate rotate-2 --job tidegauge-rotate-" in done.err
    assert len(Registry(deployed).certificates("rotate-2")) == 2


@pytest.mark.parametrize(
    ("thing", "report", "why"),
    [
        ("rotate-3", {"status": "FAILED", "statusDetails": {"reason": "no answer"}}, "no answer"),
        (
            "rotate-4",
            {"status": "SUCCEEDED", "statusDetails": {"certificate": HERE}},
            "is older than",
        ),
        (
            "rotate-5",
            {"status": "SUCCEEDED", "statusDetails": {"certificate": "0" * 64}},
            "which is not one of its",
        ),
        ("rotate-6", {"status": "SUCCEEDED"}, "which is not one of its"),
    ],
)
def test_what_can_not_be_believed_revokes_nothing(
    rotated: Rotated, deployed: Target, thing: str, report: dict[str, Any], why: str
) -> None:
    done, folder = rotated(thing, "--revoke-old", **report)
    assert why in done.complaint()
    assert len(Registry(deployed).certificates(thing)) == 2
    assert not folder.identity_on_board
    assert folder.key_path.exists()


def test_a_thing_that_is_not_there_is_one_clear_line(tidectl: Run, shared_home: Home) -> None:
    done = tidectl("rotate", "rotate-9", home=shared_home.path)
    assert done.complaint() == "there is no thing rotate-9"
