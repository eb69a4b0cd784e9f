"""The home directory: made when needed, for its owner only."""

import os
import stat
from pathlib import Path

import pytest

from tidectl.errors import TidectlError
from tidectl.home import Home


def test_folders_are_made_for_their_owner_only_up_to_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    made = home.make(home.thing_folder("pump-7"))
    for folder in (home.path, home.path / "things", made):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    tmp_path.chmod(0o755)
    assert home.make(home.local_state) == home.make(home.local_state)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_nothing_is_made_by_asking_where_it_would_be(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.thing_folder("x").exists()
    assert list(home.things()) == []
    assert not home.path.exists()


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    home = Home(tmp_path / "home")
    with pytest.raises(TidectlError, match="can't make") as caught:
        home.make(home.local_state)
    assert "--home" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_to_is_a_clear_error(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make(home.path).chmod(0o500)
    with pytest.raises(TidectlError, match="can't"):
        home.make(home.local_state)


def test_the_things_are_the_folders_that_were_provisioned_whole(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name in ("b", "a", ".c.new", "draft"):
        home.make(home.thing_folder(name))
    for name in ("b", "a"):
        (home.thing_folder(name) / "thing.json").write_text("{}")
    assert [folder.name for folder in home.things()] == ["a", "b"]
