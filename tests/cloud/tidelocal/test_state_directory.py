"""One process at a time, readable by its owner only, whole files."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.tidelocal.disk import full_disk
from tidelocal.errors import StartRefusedError, StorageFullError
from tidelocal.state_directory import StateDirectory, write_whole


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Give the test process its own umask back."""
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[StateDirectory]:
    directory = StateDirectory(tmp_path / "state")
    yield directory
    directory.close()


HOLDER = """
import sys
from pathlib import Path
from tidelocal.state_directory import StateDirectory
directory = StateDirectory(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StartRefusedError) as refusal:
            StateDirectory(tmp_path)
        holder.kill()
    assert str(refusal.value) == (
        f"{tmp_path} is in use by another local cloud: end it, or give another --state"
    )
    StateDirectory(tmp_path).close()


def test_a_refused_start_leaves_the_running_ones_announcement(directory: StateDirectory) -> None:
    directory.announce({"pid": 1})
    with pytest.raises(StartRefusedError):
        StateDirectory(directory.path)
    assert json.loads((directory.path / "local.json").read_bytes()) == {"pid": 1}


def test_it_is_announced_withdrawn_and_never_left_by_a_killed_process(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    ready = tmp_path / "local.json"
    directory.announce({"pid": 1})
    assert ready.exists()
    directory.withdraw()
    assert not ready.exists()
    directory.announce({"pid": 1})
    directory.close()
    assert not ready.exists()
    ready.write_text("{}")  # as a killed process leaves it
    StateDirectory(tmp_path).close()
    assert not ready.exists()


def test_only_the_owner_reads_what_is_kept(directory: StateDirectory) -> None:
    directory.store_token()
    directory.announce({})
    directory.keep_ports({"http": 1})
    folder = directory.folder("services")
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) & 0o077
        for path in (directory.path, folder, *directory.path.iterdir())
    }
    assert set(modes.values()) == {0}, modes


def test_a_directory_of_others_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.mkdir(mode=0o777)
    StateDirectory(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_what_can_not_be_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartRefusedError, match=f"can't keep state in {path}"):
            StateDirectory(path)


def test_the_store_token_is_made_once(directory: StateDirectory) -> None:
    token = directory.store_token()
    assert token.startswith("apiv3_")
    assert len(token) > 40
    assert directory.store_token() == token


def test_a_token_file_emptied_by_a_crash_gets_a_new_token(directory: StateDirectory) -> None:
    (directory.path / "store-token").write_text("\n")
    assert directory.store_token().startswith("apiv3_")


@pytest.mark.parametrize("damage", ["", "{", "null", "[1]", '"x"'])
def test_damaged_ports_are_no_ports(directory: StateDirectory, damage: str) -> None:
    directory.keep_ports({"http": 4566, "mqtt": 8883})
    assert directory.ports() == {"http": 4566, "mqtt": 8883}
    (directory.path / "ports.json").write_text(damage)
    assert directory.ports() == {}


def test_a_fresh_folder_is_empty(directory: StateDirectory) -> None:
    (directory.folder("scratch") / "left").write_text("by a killed process")
    assert list(directory.fresh_folder("scratch").iterdir()) == []


@pytest.mark.parametrize("room", [0, 4])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, room: int) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with full_disk(file_bytes_max=room), pytest.raises(StorageFullError, match="free some space"):
        write_whole(path, b"new and longer")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
