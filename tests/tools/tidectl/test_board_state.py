"""What of a board is on this machine."""

from pathlib import Path

import pytest

from tests.tools.tidectl.test_firmware_image import QUEUED, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl.board_state import BoardState, board_state
from tidectl.firmware_image import save_image
from tidectl.home import Home
from tidectl.simulated_board import SimulatedBoard


@pytest.fixture
def image_path(tmp_path: Path) -> Path:
    """The image of a board that could not send two batches and has no broker."""
    path = make_thing(Home(tmp_path), "board-1").image_path
    save_image(path, with_outbox(path.read_bytes(), **QUEUED))
    return path


def test_a_board_that_is_off_says_what_waits_on_its_flash(image_path: Path) -> None:
    assert board_state(image_path) == BoardState(running=False, queued_batches=2)


def test_a_board_that_runs_is_seen_and_not_disturbed(image_path: Path, tmp_path: Path) -> None:
    with SimulatedBoard(image_path, log_path=tmp_path / "board.log") as board:
        board.wait_for(lambda stats: stats.accepted > 0)
        state = board_state(image_path)
        assert state
        assert state.running
        assert state.queued_batches is None or state.queued_batches >= 2
        assert board.running
    state = board_state(image_path)
    assert state
    assert not state.running


def test_a_thing_without_a_board_has_no_state(tmp_path: Path) -> None:
    assert board_state(tmp_path / "flash.img") is None


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"\xff" * 65536, b"no flash"])
def test_a_damaged_image_is_told_as_unknown(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flash.img"
    path.write_bytes(data)
    assert board_state(path) == BoardState(running=False, queued_batches=None)
