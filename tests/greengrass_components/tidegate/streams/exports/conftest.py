"""A stream manager that exports to wherever a test says."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.streams.manager import Manager
from tidegate.kinesis.credentials import CredentialSource
from tidegate.streams.exports.aws_access import AwsAccess

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def access(endpoints: Mapping[str, str]) -> AwsAccess:
    return AwsAccess("us-east-1", CredentialSource(ENVIRONMENT, time.time), endpoints)


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[Callable[..., Manager]]:
    """Start a manager whose exports reach the endpoints given: `exporting(kinesis=url)`."""
    managers: list[Manager] = []

    def start(**endpoints: str) -> Manager:
        manager = Manager(tmp_path / "streams", access=access(endpoints))
        managers.append(manager)
        manager.start()
        return manager

    yield start
    for manager in managers:
        manager.stop()
