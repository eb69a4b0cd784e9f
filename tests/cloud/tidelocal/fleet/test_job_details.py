"""Details of jobs are refused as AWS refuses them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.mqtt_device import MqttDevice
from tidectl.jobs import Jobs
from tidectl.target import Target
from tidelocal.fleet import job_details


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"step": "files", "percent:1_a-B": "40 °C, naïve ✓"}, ""),
        ({"lines": "one\ntwo"}, "lines has characters of control"),
        ({"x": "a\u200bb"}, "x has characters of control"),  # a format character
        ({"x": "a" * 1024}, ""),
        ({"x": "a" * 1025}, "1025 characters, 1024 at most"),
        ({"a b": "x"}, "'a b' does not match"),
        ({"k" * 129: "x"}, "does not match"),
    ],
)
def test_what_aws_refuses_is_a_mistake(details: dict[str, str], why: str) -> None:
    found = job_details.mistake(details)
    assert (why in found) if why else not found


def test_a_device_is_told_and_its_job_goes_on(
    connect: Callable[..., MqttDevice], deployed: Target, thing: str
) -> None:
    device = connect()
    job = Jobs(deployed).create(f"{thing}-", {"operation": "logs"}, [thing], [])
    jobs = f"$aws/things/{thing}/jobs"
    device.ask(f"{jobs}/start-next", {})
    update: dict[str, Any] = {"status": "SUCCEEDED", "statusDetails": {"lines": "one\ntwo"}}
    answer, document = device.ask(f"{jobs}/{job}/update", update)
    assert (answer, document["code"]) == ("rejected", "InvalidRequest")
    assert "characters of control" in document["message"]
    update["statusDetails"] = {"line_1": "one"}
    assert device.ask(f"{jobs}/{job}/update", update)[0] == "accepted"
