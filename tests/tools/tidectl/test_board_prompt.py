"""The prompt of a board that is at its program, in its start, or not there."""

import os
import pty
import threading
from pathlib import Path

import pytest

from tests.firmware.standin import StandIn
from tests.tools.tidectl.thing_files import make_thing
from tidectl import mpremote
from tidectl.board_prompt import wait_for_prompt
from tidectl.errors import TidectlError
from tidectl.home import Home


class DeafBoard:
    """A port whose board hears nothing before it was knocked at `deaf` times."""

    def __init__(self, deaf: int) -> None:
        self._terminal, self._slave = pty.openpty()
        self.port = os.ttyname(self._slave)
        self._deaf = deaf
        self.heard = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for knocks in range(1, self._deaf + 2):
            self.heard = b""
            while not self.heard.endswith(b"\x02"):
                self.heard += os.read(self._terminal, 1)
            if knocks <= self._deaf:
                os.write(self._terminal, b"rst:0x1 (POWERON_RESET)\r\n12.5 still starting\r\n")
        os.write(self._terminal, b"KeyboardInterrupt:\r\n>>")
        os.write(self._terminal, b"> ")


def test_a_board_in_its_start_is_knocked_at_again() -> None:
    board = DeafBoard(deaf=2)
    wait_for_prompt(board.port)
    assert board.heard == b"\r\x03\x02"


def test_a_board_without_a_prompt_is_given_up() -> None:
    board = DeafBoard(deaf=1000)
    with pytest.raises(TidectlError, match=r"did not answer in 0\.2 s") as caught:
        wait_for_prompt(board.port, 0.2)
    assert "RESET" in caught.value.hint


def test_a_port_that_is_not_there_is_told() -> None:
    with pytest.raises(TidectlError, match="there is no board at /dev/nope") as caught:
        wait_for_prompt("/dev/nope")
    assert "tidectl device list" in caught.value.hint


def test_a_board_that_just_starts_anew_comes_to_its_prompt(tmp_path: Path) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    with StandIn(folder.image_path) as board:
        for _ in range(3):
            wait_for_prompt(board.port)
            mpremote.run(board.port, [["reset"]], resume=True)  # which ends before the board does
        wait_for_prompt(board.port)
        assert mpremote.run(board.port, [["exec", "print(7)"]]) == "7\n"
