"""What a sync copies and what it leaves, on a board that runs MicroPython."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.standin import StandIn
from tests.tools.tidectl.test_firmware_image import QUEUED, mounted, read, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl.board_sync import Plan, plan, sync
from tidectl.errors import TidectlError
from tidectl.firmware_image import queued_batches
from tidectl.home import Home
from tidectl.thing import ThingFolder

A_SHA256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


@pytest.fixture
def folder(tmp_path: Path) -> ThingFolder:
    return make_thing(Home(tmp_path / "home"), "board-1")


@pytest.fixture
def flash(folder: ThingFolder, tmp_path: Path) -> Path:
    """The flash of a board that was flashed, ran, and has a file of its user's."""
    image = with_outbox(folder.image_path.read_bytes(), **QUEUED)
    file_system = mounted(image)
    file_system.makedirs("/lib", exist_ok=True)
    for path in ("/notes.txt", "/lib/mine.py", "/app_a/tidenode/gone.mpy", "/main.py.new"):
        with file_system.open(path, "wb") as file:
            file.write(b"x")
    file_system.unmount()
    path = tmp_path / "board.img"
    path.write_bytes(bytes(file_system.context.buffer))
    return path


@pytest.fixture
def board(flash: Path) -> Iterator[StandIn]:
    with StandIn(flash) as board:
        yield board


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, Plan(("/a",), ())),
        ({"/a": A_SHA256}, Plan((), ())),
        ({"/a": "0" * 64}, Plan(("/a",), ())),
        ({"/a": A_SHA256, "/boot.py": "0", "/lib/mine.mpy": "0", "/b.new": "0"}, Plan((), ())),
        (
            {"/a": A_SHA256, "/a.new": "0", "/lib/tidenode/x.mpy": "0", "/lib/tidewire/y.py": "0"},
            Plan((), ("/a.new", "/lib/tidenode/x.mpy", "/lib/tidewire/y.py")),
        ),
    ],
)
def test_a_plan_copies_what_differs_and_removes_only_what_was_ours(
    found: dict[str, str], expected: Plan
) -> None:
    assert plan({"/a": b"a"}, found) == expected


@pytest.mark.parametrize(
    ("digest", "gone"), [(A_SHA256, ()), ("0" * 64, ("/control/applied.json",))]
)
def test_settings_from_afar_are_told_again_beside_another_configuration(
    digest: str, gone: tuple[str, ...]
) -> None:
    found = {"/config.json": digest, "/control/applied.json": "0"}
    assert plan({"/config.json": b"a"}, found).removed == gone


def test_only_what_changed_is_copied_and_the_board_starts_anew(
    board: StandIn, folder: ThingFolder, flash: Path
) -> None:
    assert sync(board.port, folder) == Plan((), ("/app_a/tidenode/gone.mpy", "/main.py.new"))
    config = folder.config() | {"site": "farm"}
    folder.config_path.write_text(json.dumps(config))
    other = make_thing(Home(folder.path.parent / "other"), "board-1")
    for name in ("cert.der", "key.der", "root.der"):
        shutil.copy(other.path / name, folder.path / name)
    board.wait_for_resets(2)
    done = sync(board.port, folder)
    assert done == Plan(("/cert.der", "/config.json", "/key.der", "/root.der"), ())
    board.wait_for_resets(4)
    assert sync(board.port, folder) == Plan((), ())
    board.unplug()
    now = mounted(flash.read_bytes())
    assert json.loads(read(now, "/config.json"))["site"] == "farm"
    assert read(now, "/key.der") == folder.key_path.read_bytes()
    assert read(now, "/notes.txt") == read(now, "/lib/mine.py") == b"x"
    assert not [name for name in now.listdir("/") if name.endswith(".new")]
    assert queued_batches(flash.read_bytes()).keys() >= {7, 8}
    assert not list(folder.path.glob(".sync-*"))


def test_a_board_with_nothing_but_micropython_gets_everything(
    folder: ThingFolder, tmp_path: Path
) -> None:
    blank = mounted(folder.image_path.read_bytes())
    for name in blank.listdir("/"):
        blank.remove(f"/{name}", recursive=True)
    blank.unmount()
    flash = tmp_path / "blank.img"
    flash.write_bytes(bytes(blank.context.buffer))
    with StandIn(flash) as board:
        done = sync(board.port, folder)
        assert "/main.py" in done.changed
        assert "/app_a/tidenode/drivers/bme280.mpy" in done.changed
        assert sync(board.port, folder) == Plan((), ())


def test_the_board_of_another_thing_is_refused_and_left_alone(
    board: StandIn, folder: ThingFolder, flash: Path
) -> None:
    other = make_thing(Home(folder.path.parent / "other"), "board-2")
    with pytest.raises(TidectlError, match="is the thing board-1, not board-2") as caught:
        sync(board.port, other)
    assert "tidectl flash" in caught.value.hint
    board.wait_for_resets(2)  # to be looked into, then to run again with the files it had
    board.unplug()
    assert read(mounted(flash.read_bytes()), "/key.der") == folder.key_path.read_bytes()


def test_a_port_that_is_absent_is_told(folder: ThingFolder) -> None:
    with pytest.raises(TidectlError, match="there is no board at /dev/nope") as caught:
        sync("/dev/nope", folder)
    assert "tidectl device list" in caught.value.hint
