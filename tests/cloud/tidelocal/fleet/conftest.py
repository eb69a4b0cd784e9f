"""Things of the deployed stack, under its own thing policy."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision


@pytest.fixture
def thing(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return f"thing-{zlib.crc32(request.node.nodeid.encode())}"


@pytest.fixture
def connect(
    local_cloud: CloudProcess, deployed: Target, thing: str, tmp_path: Path
) -> Iterator[Callable[..., MqttDevice]]:
    """Connect as the thing, subscribed to all of its own."""
    folder = provision(deployed, Home(tmp_path / "home"), thing, board=False)
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    with ExitStack() as open_devices:

        def make(*filters: str, clean: bool = True) -> MqttDevice:
            device = MqttDevice(local_cloud.facts, certificate, thing, clean=clean)
            open_devices.enter_context(device)
            device.subscribe(*(filters or (f"$aws/things/{thing}/#",)))
            return device

        yield make


@pytest.fixture
def device(connect: Callable[..., MqttDevice]) -> MqttDevice:
    return connect()
