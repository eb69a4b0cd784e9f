"""Fixtures for every test: the real local cloud, one for the whole run or one of your own."""

import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import settings

from tests.line.line import Line
from tests.local_cloud import CloudProcess
from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.stack import deploy
from tidectl.target import Target, local_target

# A job in the background, as CI may be, is started with Ctrl-C ignored and would pass that on.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says nothing here: speed is measured by the benches.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# A process of tidectl makes one session, the tests hundreds, and each would parse the megabytes
# that describe the services anew.
_files = JSONFileLoader()
_files.load_file = cache(_files.load_file)  # type: ignore[method-assign]  # of this one only
Loader.FILE_LOADER_CLASS = staticmethod(lambda: _files)  # type: ignore[assignment]  # makes one


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    """A running local cloud that all tests share: give what you make a name of your own."""
    with CloudProcess(tmp_path_factory.mktemp("home") / "local") as cloud:
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


@pytest.fixture(scope="session")
def deployed(local_cloud: CloudProcess) -> Target:
    """The shared local cloud with the stack deployed, as tidectl sees it."""
    facts = LocalProcess(Home(local_cloud.state.parent)).facts()
    assert facts
    target = local_target(facts)
    deploy(target)
    return target


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line of the test's own, whose every part may be broken."""
    with Line(tmp_path) as line:
        yield line
