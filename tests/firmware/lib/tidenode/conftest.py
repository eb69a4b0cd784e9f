"""Fixtures for the tests of the board."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A broker that does not listen yet, and boards for it."""
    with Bench(tmp_path) as bench:
        yield bench


@pytest.fixture(autouse=True, scope="module")
def quick_collector() -> Iterator[None]:
    """A board's code collects often: what pytest itself holds is not looked at each time."""
    gc.freeze()
    yield
    gc.unfreeze()
