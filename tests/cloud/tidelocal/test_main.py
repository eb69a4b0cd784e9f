"""The program: exit codes, one clear line for each refusal, and where it listens."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.local_cloud import ROOT, CloudProcess
from tests.mqtt_device import MqttDevice


def _refused(*options: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tidelocal", *options],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_a_second_process_on_a_directory_is_refused_and_the_first_goes_on(
    local_cloud: CloudProcess,
) -> None:
    state = local_cloud.state
    code, lines = _refused("--state", str(state), "--http-port", "0", "--mqtt-port", "0")
    assert code == 2
    assert lines == [
        f"tidelocal: {state} is in use by another local cloud: end it, or give another --state"
    ]
    assert json.loads((state / "local.json").read_bytes()) == local_cloud.facts
    assert local_cloud.client("s3").list_buckets()


@pytest.mark.parametrize("name", ["http", "mqtt", "store"])
def test_a_port_in_use_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = {"http": 0, "mqtt": 0, "store": 0, name: port}
        options = [text for door, each in ports.items() for text in (f"--{door}-port", str(each))]
        code, lines = _refused("--state", str(tmp_path), *options)
    assert code == 2
    assert lines == [
        f"tidelocal: port {port} is in use: end what holds it, or give another --{name}-port"
    ]


def test_an_address_that_is_not_this_machines_is_refused(tmp_path: Path) -> None:
    code, lines = _refused("--state", str(tmp_path), "--listen", "192.0.2.7")
    assert code == 2
    (line,) = lines
    assert line.startswith("tidelocal: can't listen on 192.0.2.7:4566: ")


def test_a_directory_that_can_not_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, lines = _refused("--state", str(tmp_path / "file"))
    assert code == 2
    assert lines == [f"tidelocal: can't keep state in {tmp_path / 'file'}: File exists"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_it_says_so(
    own_cloud: Callable[..., CloudProcess], end: signal.Signals
) -> None:
    cloud = own_cloud()
    assert cloud.process
    ready = cloud.state / "local.json"
    assert json.loads(ready.read_bytes())["pid"] == cloud.process.pid
    cloud.process.send_signal(end)
    assert cloud.process.wait(20) == 0
    assert not ready.exists()
    assert "Traceback" not in cloud.log()


def test_another_address_is_listened_on_and_nothing_else(
    own_cloud: Callable[..., CloudProcess],
) -> None:
    cloud = own_cloud("--listen", "127.0.0.2")
    facts = cloud.facts
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(facts["pid"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.2"}
    assert facts["http_url"].startswith("http://127.0.0.2:")
    assert facts["store_url"].startswith("http://127.0.0.2:")
    cloud.policy("any", {"Action": "iot:*", "Resource": "*"})
    certificate = cloud.provision("far", "any")
    # A verified host name: the broker's certificate names the address.
    with MqttDevice(facts, certificate, "far") as device:
        device.publish("a", b"")
    assert _function_answer(cloud) == facts["account"]


def test_an_ipv6_address_is_written_as_urls_have_it(
    own_cloud: Callable[..., CloudProcess],
) -> None:
    cloud = own_cloud("--listen", "::1")
    assert cloud.facts["http_url"].startswith("http://[::1]:")
    assert cloud.facts["mqtt_host"] == "::1"
    assert cloud.client("s3").list_buckets()


ASKING = """
import boto3
def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Account"]
"""


def _function_answer(cloud: CloudProcess) -> object:
    """Return what a function hears that asks the local cloud by its environment's endpoint."""
    cloud.function("asking", ASKING)
    answer = cloud.client("lambda").invoke(FunctionName="asking")
    return json.loads(answer["Payload"].read())
