"""The home directory and the keys in it."""

import os
from pathlib import Path

import pytest

from tidectl.checks import Verdict
from tidectl.checks.privacy import LOG_BYTES_GOOD, home_check, keys_check, log_check, privacy
from tidectl.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one thing, all as tidectl makes it."""
    home = Home(tmp_path / "home")
    folder = home.make(home.thing_folder("pump-7"))
    for name in ("thing.json", "key.der", "cert.der", "flash.img"):
        path = folder / name
        path.write_text("{}")
        path.chmod(0o600)
    return home


def test_a_home_as_tidectl_makes_it_is_fine(home: Home) -> None:
    assert {check.verdict for check in privacy(home)} == {Verdict.OK}


def test_a_home_that_is_not_there_yet_is_fine_where_it_can_be_made(tmp_path: Path) -> None:
    check = home_check(Home(tmp_path / "not" / "there"))
    assert check.verdict is Verdict.OK
    assert "will be made" in check.found


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_home_that_is_open_to_others_is_a_warning(mode: int, home: Home) -> None:
    home.path.chmod(mode)
    check = home_check(home)
    assert (check.verdict, check.mend) == (Verdict.WARN, f"chmod 700 {home.path}")


def test_a_file_in_place_of_a_home_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    for path in (tmp_path / "home", tmp_path / "home" / "below"):
        check = home_check(Home(path))
        assert check.verdict is Verdict.FAIL
        assert "--home" in check.mend


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_can_not_be_written_to_fails(home: Home) -> None:
    home.path.chmod(0o500)
    assert home_check(home).verdict is Verdict.FAIL


@pytest.mark.parametrize("name", ["key.der", "key.pem", "flash.img"])
def test_a_key_that_others_may_read_fails_and_its_thing_is_to_be_rotated(
    name: str, home: Home
) -> None:
    path = home.thing_folder("pump-7") / name
    path.write_text("")
    path.chmod(0o640)
    check = keys_check(home)
    assert check.verdict is Verdict.FAIL
    assert f"things/pump-7/{name}" in check.found
    assert "--rotate" in check.mend


def test_a_certificate_may_be_read_by_others(home: Home) -> None:
    (home.thing_folder("pump-7") / "cert.der").chmod(0o644)
    assert keys_check(home).verdict is Verdict.OK


def test_long_logs_are_a_warning_that_names_the_longest(home: Home) -> None:
    home.local_log.touch()
    assert log_check(home).verdict is Verdict.OK
    with (home.thing_folder("pump-7") / "board.log").open("wb") as log:
        log.truncate(LOG_BYTES_GOOD + 1)
    check = log_check(home)
    assert check.verdict is Verdict.WARN
    assert check.mend.endswith("things/pump-7/board.log")
