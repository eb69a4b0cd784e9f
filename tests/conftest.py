"""Fixtures for every test: the real local cloud, one for the whole run or one of your own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local_cloud import CloudProcess


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    """A running local cloud that all tests share: give what you make a name of your own."""
    with CloudProcess(tmp_path_factory.mktemp("cloud") / "state") as cloud:
        yield cloud


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Callable[..., CloudProcess]]:
    """Start a local cloud of the test's own, to be ended and started again."""
    clouds: list[CloudProcess] = []

    def start(*options: str) -> CloudProcess:
        cloud = CloudProcess(tmp_path / f"state{len(clouds)}")
        clouds.append(cloud)
        return cloud.start(*options)

    yield start
    for cloud in clouds:
        cloud.__exit__()
