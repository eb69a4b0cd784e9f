"""`tidectl gateway write` and `acknowledge`: done by a component, over the real broker."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.broker import publish_packet
from tests.greengrass_components.tidegate.test_writing import bench
from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision
from tidegate.command import read_command

GATEWAY = "gw-commands"
THING = f"{GATEWAY}:heater"


@contextmanager
def component(
    cloud: CloudProcess, target: Target, home: Home, log: Path, commands: int
) -> Iterator[None]:
    """Do so many commands in a component with a heater in memory, as its gateway."""
    folder = provision(target, home, GATEWAY, board=False)
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])

    async def do(topic: str, body: bytes) -> bytes:
        key = topic.rpartition("/")[2]
        async with bench(log, things=(THING,)) as it:
            command = read_command(body, key=key, source="cloud", now_ms=it.now_ms)
            return json.dumps((await it.writing.do(command)).document()).encode()

    with MqttDevice(cloud.facts, certificate, GATEWAY) as device:
        device.subscribe(f"cmd/tidegauge/{GATEWAY}/+")

        def answer() -> None:
            for _ in range(commands):
                topic, body = device.message()
                device.send(publish_packet(f"{topic}/answer", asyncio.run(do(topic, body))))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        thread.join()


@pytest.fixture
def gateway(
    shared_home: Home, deployed: Target, local_cloud: CloudProcess, tmp_path: Path
) -> Iterator[None]:
    with component(local_cloud, deployed, shared_home, tmp_path / "log", 5):
        yield


@pytest.mark.usefixtures("gateway")
def test_a_value_is_written_and_an_alarm_acknowledged_and_what_is_not_done_is_said(
    tidectl: Run, shared_home: Home
) -> None:
    home, write = shared_home.path, ("gateway", "write", THING, "heater")
    done = tidectl(*write, "setpoint_c", "21.5", home=home)
    assert [line.split() for line in done.out.splitlines()[:3]] == [
        ["outcome", "done"], ["before", "0"], ["after", "21.5"],
    ]  # fmt: skip
    refused = tidectl(*write, "setpoint_c", "-5", "--json", home=home)
    assert refused.complaint() == (
        f"{THING} heater/setpoint_c is refused: setpoint_c: -5 is not 5 to 80"
    )
    assert refused.json()["answer"]["outcome"] == "refused"
    text = tidectl(*write, "recipe", "4711", "--text", "--json", home=home)
    assert (text.json()["answer"]["outcome"], text.json()["answer"]["after"]) == ("done", "4711")
    seen = tidectl("gateway", "acknowledge", THING, "heater", "hot", home=home)
    assert seen.err == "hot: acknowledged\n"
    unknown = tidectl("gateway", "acknowledge", THING, "heater", "cold", home=home)
    assert "is refused: there is no alarm 'cold'" in unknown.complaint()


def test_a_gateway_that_says_nothing_is_told_with_what_to_look_at(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    provision(deployed, shared_home, "gw-silent", board=False)
    done = tidectl(
        "gateway", "write", "tank-3", "tank", "valve", "true", "--gateway", "gw-silent",
        "--timeout", "0.2", home=shared_home.path,
    )  # fmt: skip
    assert done.complaint() == "gw-silent did not answer in 0.2 s"
    assert "--set commands=cloud" in done.err
