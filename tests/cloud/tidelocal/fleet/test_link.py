"""Echo, commands and Device Defender: a thing's own topics and nobody else's."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mqtt_device import HungUpError, MqttDevice
from tidectl.target import Target


def test_an_echo_comes_back_whole(connect: Callable[..., MqttDevice], thing: str) -> None:
    device = connect(f"echo/tidegauge/{thing}")
    device.publish(f"echo/tidegauge/{thing}", b"\0\xff 42")
    assert device.message() == (f"echo/tidegauge/{thing}", b"\0\xff 42")


@pytest.mark.parametrize("topic", ["echo/tidegauge/{thing}0", "cmd/tidegauge/{thing}0/1/answer"])
def test_anothers_echo_and_answers_end_the_connection(
    device: MqttDevice, thing: str, topic: str
) -> None:
    with pytest.raises(HungUpError):
        device.publish(topic.format(thing=thing), b"x")


def test_a_command_reaches_its_thing_and_is_answered(
    connect: Callable[..., MqttDevice], deployed: Target, thing: str
) -> None:
    device = connect(f"cmd/tidegauge/{thing}/+")
    data = deployed.client("iot-data")
    data.publish(topic=f"cmd/tidegauge/{thing}0/7", qos=1, payload=b"not for it")
    data.publish(topic=f"cmd/tidegauge/{thing}/7", qos=1, payload=b"identify")
    assert device.message() == (f"cmd/tidegauge/{thing}/7", b"identify")
    device.publish(f"cmd/tidegauge/{thing}/7/answer", b"done")


def _metrics(thing: str) -> str:
    return f"$aws/things/{thing}/defender/metrics/json"


def _report(number: int, **more: Any) -> dict[str, Any]:
    return {
        "header": {"report_id": number, "version": "1.0"},
        "custom_metrics": {
            "heap_free_bytes": [{"number": 91_000}],
            "networks": [{"string_list": ["farm"]}],
        },
        **more,
    }


def test_a_report_is_accepted_and_the_last_one_can_be_read(
    device: MqttDevice, deployed: Target, thing: str
) -> None:
    answer, document = device.ask(_metrics(thing), _report(1))
    assert (answer, document["status"]) == ("accepted", "ACCEPTED")
    assert (document["thingName"], document["reportId"]) == (thing, 1)
    report = {"hed": {"rid": 2, "v": "1.0"}, "met": {"ns": {"bi": 5, "bo": 7}},
              "cmet": {"heap_free_bytes": [{"number": 90_000}]}}  # fmt: skip
    assert device.ask(_metrics(thing), report)[0] == "accepted"
    values = {
        name: _values(deployed, thing, name)
        for name in ("heap_free_bytes", "networks", "aws:all-bytes-out")
    }
    assert values == {
        "heap_free_bytes": [{"number": 90_000}],
        "networks": [],
        "aws:all-bytes-out": [{"count": 7}],
    }


def _values(target: Target, thing: str, metric: str) -> list[Any]:
    answer = target.client("iot").list_metric_values(
        thingName=thing, metricName=metric, startTime=0, endTime=2_000_000_000
    )
    return [datum["value"] for datum in answer["metricDatumList"]]


@pytest.mark.parametrize(
    "report",
    [
        b"{",
        b"[1]",
        {},
        {"header": {"report_id": "1", "version": "1.0"}, "metrics": {"a": 1}},
        {"header": {"report_id": 1, "version": "2.0"}, "metrics": {"a": 1}},
        {"header": {"report_id": 1, "version": "1.0"}},
        _report(1, custom_metrics={"heap": 5}),
        _report(1, custom_metrics={"heap": [{"float": 5}]}),
    ],
)
def test_a_report_that_is_not_one_is_rejected(device: MqttDevice, thing: str, report: Any) -> None:
    answer, document = device.ask(_metrics(thing), report)
    assert (answer, document["status"]) == ("rejected", "REJECTED")
    assert document["statusDetails"]["ErrorCode"] == "InvalidPayload"


def test_a_report_that_is_older_than_the_last_is_rejected(device: MqttDevice, thing: str) -> None:
    assert device.ask(_metrics(thing), _report(8))[0] == "accepted"
    payload = json.dumps(_report(8)).encode()
    assert device.ask(_metrics(thing), payload)[0] == "rejected"
