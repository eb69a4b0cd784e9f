"""The stream manager, and AWS's own client of it, unchanged."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stream_manager as sdk
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "streams", tmp_path / "s.socket") as manager:
        yield manager


@pytest.fixture
def connect(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., sdk.StreamManagerClient]]:
    """Connect AWS's SDK to the manager."""
    clients: list[sdk.StreamManagerClient] = []
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)

    def make(**options: float) -> sdk.StreamManagerClient:
        clients.append(sdk.StreamManagerClient(port=manager.port, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[..., sdk.StreamManagerClient]) -> sdk.StreamManagerClient:
    assert os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == TOKEN
    return connect()
