"""A thing whose files are on this machine and in no cloud, for verbs that talk to boards."""

from pathlib import Path

import pytest

from tests.tools.tidectl.thing_files import make_thing
from tidectl.home import Home
from tidectl.thing import ThingFolder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def folder(home: Home) -> ThingFolder:
    return make_thing(home, "board-1")
