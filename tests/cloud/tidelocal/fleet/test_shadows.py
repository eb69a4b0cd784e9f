"""A thing's named shadows over MQTT, as AWS documents them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mqtt_device import HungUpError, MqttDevice
from tidectl.target import Target


class Shadow:
    """One named shadow of a thing, from the thing's side and from the cloud's."""

    def __init__(self, device: MqttDevice, target: Target, thing: str, name: str) -> None:
        self._device, self._data = device, target.client("iot-data")
        self._thing, self._name = thing, name
        self.topic = f"$aws/things/{thing}/shadow/name/{name}"

    def ask(self, verb: str, document: Any = b"") -> tuple[str, Any]:
        return self._device.ask(f"{self.topic}/{verb}", document)

    def next(self, kind: str) -> Any:
        """Return the next message on `update/<kind>`."""
        while True:
            topic, body = self._device.message()
            if topic == f"{self.topic}/update/{kind}":
                return json.loads(body)

    def desire(self, desired: Any) -> None:
        self._data.update_thing_shadow(
            thingName=self._thing,
            shadowName=self._name,
            payload=json.dumps({"state": {"desired": desired}}),
        )


@pytest.fixture
def shadow(device: MqttDevice, deployed: Target, thing: str) -> Shadow:
    return Shadow(device, deployed, thing, "config")


def test_a_shadow_that_is_not_there_is_404(shadow: Shadow) -> None:
    answer, document = shadow.ask("get", {"clientToken": "t1"})
    assert (answer, document["code"], document["clientToken"]) == ("rejected", 404, "t1")


@pytest.mark.parametrize("name", ["config", "state"])
def test_what_the_cloud_desires_reaches_the_thing_and_what_it_reports_ends_the_delta(
    device: MqttDevice, deployed: Target, thing: str, name: str
) -> None:
    shadow = Shadow(device, deployed, thing, name)
    shadow.desire({"period_ms": 500, "leds": {"red": True}})
    delta = shadow.next("delta")
    assert (delta["state"], delta["version"]) == ({"period_ms": 500, "leds": {"red": True}}, 1)
    answer, document = shadow.ask(
        "update", {"state": {"reported": {"period_ms": 500}}, "clientToken": "t2"}
    )
    assert (answer, document["version"], document["clientToken"]) == ("accepted", 2, "t2")
    assert document["state"] == {"reported": {"period_ms": 500}}
    delta = shadow.next("delta")
    assert (delta["state"], delta["clientToken"]) == ({"leds": {"red": True}}, "t2")
    both = shadow.next("documents")
    assert both["previous"]["state"] == {"desired": {"period_ms": 500, "leds": {"red": True}}}
    assert both["current"]["state"]["reported"] == {"period_ms": 500}
    shadow.ask("update", {"state": {"reported": {"leds": {"red": True}}}})
    shadow.next("documents")
    document = shadow.ask("get")[1]
    assert "delta" not in document["state"]
    # The next message is that of the next change: no delta came for the last one.
    shadow.desire({"period_ms": 250})
    assert shadow.next("delta")["state"] == {"period_ms": 250}


def test_an_update_of_an_old_version_is_a_conflict_and_changes_nothing(shadow: Shadow) -> None:
    shadow.ask("update", {"state": {"reported": {"a": 1}}})
    shadow.ask("update", {"state": {"reported": {"a": 2}}, "version": 1})
    answer, document = shadow.ask(
        "update", {"state": {"reported": {"a": 3}}, "version": 1, "clientToken": "old"}
    )
    assert (answer, document["code"], document["message"]) == (
        "rejected", 409, "Version conflict",
    )  # fmt: skip
    assert document["clientToken"] == "old"
    assert shadow.ask("get")[1]["state"] == {"reported": {"a": 2}}


def test_null_removes_and_is_never_kept(shadow: Shadow) -> None:
    shadow.ask("update", {"state": {"reported": {"a": {"b": 1, "c": 2}, "d": 3}}})
    answer, document = shadow.ask(
        "update", {"state": {"reported": {"a": {"b": None}, "e": {"f": None, "g": 4}}}}
    )
    assert answer == "accepted"
    assert document["state"]["reported"] == {"a": {"b": None}, "e": {"f": None, "g": 4}}
    state = shadow.ask("get")[1]["state"]
    assert state == {"reported": {"a": {"c": 2}, "d": 3, "e": {"g": 4}}}
    shadow.ask("update", {"state": {"reported": None}})
    assert shadow.ask("get")[1]["state"] == {}


def test_true_is_not_1_in_a_delta(shadow: Shadow) -> None:
    shadow.desire({"on": True})
    shadow.next("delta")
    shadow.ask("update", {"state": {"reported": {"on": 1}}})
    assert shadow.next("delta")["state"] == {"on": True}


@pytest.mark.parametrize(
    ("request_", "code", "told"),
    [
        (b"{", 400, "json"),
        ({}, 400, "Missing required node: state"),
        ({"state": 1}, 400, "State node must be an object"),
        ({"state": {"desired": 1}}, 400, "Desired node must be an object"),
        ({"state": {"wished": {}}}, 400, "invalid node"),
        ({"state": {"reported": {}}, "version": "1"}, 400, "Invalid version"),
        ({"state": {"reported": {"x": "y" * 8200}}}, 413, "maximum size"),
        (
            {"state": {"reported": {"1": {"2": {"3": {"4": {"5": {"6": {"7": {"8": {}}}}}}}}}}},
            400,
            "nesting",
        ),
    ],
)
def test_a_wrong_update_is_rejected_with_its_code(
    shadow: Shadow, request_: Any, code: int, told: str
) -> None:
    answer, document = shadow.ask("update", request_)
    assert (answer, document["code"]) == ("rejected", code)
    assert told in document["message"]


def test_a_deleted_shadow_is_gone_for_the_thing(
    shadow: Shadow, deployed: Target, thing: str
) -> None:
    shadow.ask("update", {"state": {"reported": {"a": 1}}})
    deployed.client("iot-data").delete_thing_shadow(thingName=thing, shadowName="config")
    assert shadow.ask("get")[1]["code"] == 404


@pytest.mark.parametrize(
    "topic",
    [
        "$aws/things/{thing}/shadow/update",
        "$aws/things/{thing}/shadow/name/secret/update",
        "$aws/things/{other}/shadow/name/config/update",
    ],
)
def test_a_shadow_that_is_not_its_own_ends_the_connection(
    device: MqttDevice, thing: str, topic: str
) -> None:
    with pytest.raises(HungUpError):
        device.publish(topic.format(thing=thing, other=f"{thing}0"), b'{"state": {}}')


@pytest.mark.parametrize(
    "topic_filter",
    [
        "$aws/things/{thing}0/shadow/name/config/update/delta",
        "$aws/things/+/jobs/notify-next",
        "cmd/tidegauge/{thing}0/+",
        "cmd/tidegauge/#",
        "echo/tidegauge/+",
        "#",
    ],
)
def test_a_filter_that_is_not_its_own_ends_the_connection(
    connect: Callable[..., MqttDevice], thing: str, topic_filter: str
) -> None:
    with pytest.raises(HungUpError):
        connect(topic_filter.format(thing=thing))
