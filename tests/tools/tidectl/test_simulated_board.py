"""The simulated board is a process: it boots, is stopped, is cut off, and tells its end."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.tools.tidectl.thing_files import make_thing
from tidectl.home import Home
from tidectl.simulated_board import BoardError, BoardStats, SimulatedBoard, image_in_use


def image_in(folder: Path) -> Path:
    """Return the flash image of a board that has no broker."""
    return make_thing(Home(folder), "board-1").image_path


def board_on(image_path: Path, **more: Any) -> SimulatedBoard:
    return SimulatedBoard(image_path, log_path=image_path.with_name("board.log"), **more)


def test_a_board_boots_from_a_path_as_long_as_paths_get(tmp_path: Path) -> None:
    """The VM takes arguments of 255 bytes at most."""
    with board_on(image_in(tmp_path / ("deep" * 50) / ("deeper" * 40))) as board:
        assert board.wait_for(lambda stats: stats.sampled > 0).boot == 1


def test_every_line_is_told_and_the_last_is_final(tmp_path: Path) -> None:
    told: list[BoardStats] = []
    board = board_on(image_in(tmp_path), drain_timeout_ms=0, on_stats=told.append)
    board.start()
    board.wait_for(lambda stats: stats.accepted > 0)
    board.interrupt()
    assert board.wait() == 0
    assert told[-1].final
    assert not any(stats.final for stats in told[:-1])
    assert told[-1].queued_batches > 0


def test_an_image_takes_one_board_at_a_time(tmp_path: Path) -> None:
    image_path = image_in(tmp_path)
    assert not image_in_use(image_path)
    with board_on(image_path) as board:
        assert image_in_use(image_path)
        with pytest.raises(BoardError, match="another board"):
            board_on(image_path).start()
        with pytest.raises(BoardError, match="already"):
            board.start()
    assert not image_in_use(image_path)


def test_a_board_without_an_image_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="no flash image"):
        board_on(tmp_path / "flash.img").start()


def test_a_board_that_was_never_started_can_not_be_ended(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="never started"):
        board_on(tmp_path / "flash.img").interrupt()


def test_waiting_for_what_never_comes_ends_with_the_board(tmp_path: Path) -> None:
    board = board_on(image_in(tmp_path))
    board.start()
    board.wait_for(lambda stats: stats.sampled > 0)
    threading.Timer(0.1, board.kill).start()
    with pytest.raises(BoardError, match="in vain"):
        board.wait_for(lambda stats: stats.connected, timeout_s=60)
    assert board.wait() != 0


def test_a_kill_is_a_power_cut_and_the_next_start_another_boot(tmp_path: Path) -> None:
    board = board_on(image_in(tmp_path))
    for boot in (1, 2, 3):
        board.start()
        assert board.wait_for(lambda stats: stats.accepted > 0).boot == boot
        board.kill()
        board.wait()
