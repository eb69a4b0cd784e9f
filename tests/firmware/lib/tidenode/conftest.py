"""Fixtures for the tests of the board."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A broker that does not listen yet, and boards for it."""
    with Bench(tmp_path) as bench:
        yield bench
