"""Settings, jobs, commands and state between the real firmware and the real local cloud."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.broker import publish_packet
from tests.firmware.lib.tidenode.control.controlled import Controlled
from tests.local_cloud import CloudProcess
from tests.mqtt_device import MqttDevice
from tidectl.target import Target

COMMANDS = (
    {"command": "ping"},
    {"command": "read", "measurement": "climate"},
    {"command": "stats"},
    {"command": "read", "measurement": "lunch"},
    ["ping"],
)
FASTER = {"name": "climate", "driver": "bme280", "period_ms": 20}


@pytest.fixture
def controlled(
    deployed: Target, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Controlled]]:
    """Start a board of the test's own."""
    with ExitStack() as stack:

        def start(**settings: object) -> Controlled:
            thing = f"control-{zlib.crc32(request.node.nodeid.encode())}"
            return stack.enter_context(Controlled(deployed, tmp_path, thing, **settings))

        yield start


def test_settings_change_what_is_sampled_or_change_nothing(
    controlled: Callable[..., Controlled],
) -> None:
    one = controlled()
    one.wait_for("state", lambda: one.reported("state").get("boot") == 1)
    one.wait_for("settings", lambda: "batch" in one.reported("config"))
    assert one.reported("config")["version"] == 0
    version = one.want(measurements=[FASTER], batch={"age_ms_max": 400})
    one.wait_for("applied", lambda: one.reported("config").get("version") == version)
    assert one.reported("config")["measurements"] == [FASTER]
    assert "delta" not in one.shadow("config")["state"]
    assert one.reported("state")["boot"] == 2
    before = one.sampled()
    one.wait_for("five times the samples", lambda: one.sampled() > before + 60)
    refused = one.want(batch={"age_ms_max": 1}, thing="another", lunch=True)
    one.wait_for("refusal", lambda: bool(one.reported("config").get("refused")))
    assert one.reported("config")["refused"] == {
        "version": refused,
        "mistakes": ["thing: can't be changed from afar"],
    }
    assert one.reported("config")["version"] == version
    assert one.reported("config")["batch"] == {"age_ms_max": 400}
    one.wait_for("third boot", lambda: one.reported("state")["boot"] == 3)
    before = one.sampled()
    one.wait_for("it samples on", lambda: one.sampled() > before + 60)
    assert one.reported("state")["boot"] == 3, "what was refused is not tried again"


def test_jobs_are_done_and_told(controlled: Callable[..., Controlled]) -> None:
    one = controlled()
    one.wait_for("state", lambda: one.reported("state").get("boot") == 1)
    status, details = one.ended(one.job({"operation": "diagnostics"}))
    assert (status, details["boot"], details["sensor_errors"]) == ("SUCCEEDED", "1", "climate:0")
    status, details = one.ended(one.job({"operation": "fly"}))
    assert (status, details) == ("REJECTED", {"reason": "unknown operation 'fly'"})
    status, details = one.ended(one.job({"operation": "reboot"}))
    assert (status, details) == ("SUCCEEDED", {"boot": "2"})
    assert one.reported("state")["boot"] == 2


def test_the_log_is_sent_and_a_board_that_has_none_says_so(
    controlled: Callable[..., Controlled],
) -> None:
    one = controlled()
    one.wait_for("state", lambda: one.reported("state").get("boot") == 1)
    status, details = one.ended(one.job({"operation": "logs"}))
    assert (status, details.pop("uptime_s").isdigit()) == ("SUCCEEDED", True)
    assert details == {
        "log": "nothing was logged since the start",
        "boot": "1",
        "reset_cause": "power on",
    }
    one.want(lunch="x" * 1_500)
    one.wait_for("the line", lambda: "settings are too long" in one.log())
    status, details = one.ended(one.job({"operation": "logs", "lines": 1}))
    assert (status, details.keys()) == ("SUCCEEDED", {"line_1"})
    assert "settings are too long" in details["line_1"]


def test_a_command_is_answered(
    controlled: Callable[..., Controlled], local_cloud: CloudProcess
) -> None:
    one = controlled()
    one.wait_for("state", lambda: one.reported("state").get("boot") == 1)
    everything = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    operator = f"operator-{one.thing}"
    local_cloud.policy(operator, everything)
    certificate = local_cloud.provision(operator, operator)
    with MqttDevice(local_cloud.facts, certificate, operator) as device:
        device.subscribe(f"cmd/tidegauge/{one.thing}/+/answer")
        answers = {}
        for number, request in enumerate(COMMANDS):
            asked = f"cmd/tidegauge/{one.thing}/{number}"
            device.send(publish_packet(asked, json.dumps(request).encode()))
            kind, packet = device.receive()
            assert kind == 0x30  # a PUBLISH of QoS 0
            topic_end = 2 + int.from_bytes(packet[:2], "big")
            topic, body = packet[2:topic_end].decode(), packet[topic_end:]
            answers[topic.split("/")[3]] = json.loads(body)
    assert answers["0"]["pong"] > 0
    assert set(answers["1"]) == {"temperature_c", "pressure_pa", "humidity_percent"}
    assert answers["2"]["thing"] == one.thing
    assert answers["3"] == {"error": "no measurement 'lunch'"}
    assert answers["4"] == {"error": "unknown command None"}
