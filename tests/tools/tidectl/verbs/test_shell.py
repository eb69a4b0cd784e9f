"""`tidectl shell`: MicroPython's prompt, on a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.firmware.standin import StandIn
from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.thing_files import make_thing
from tidectl.home import Home

END_S_MAX = 20.0
PATIENCE_S = 2.0


def test_the_prompt_answers_and_the_key_leaves_it(tmp_path: Path) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    terminal, slave = pty.openpty()
    with StandIn(folder.image_path) as board:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidectl", "shell", board.port],
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        read_until(terminal, b"Use Ctrl-] or Ctrl-x to exit")
        read_until(terminal, b">>> ", press=b"\x03")  # which ends the board's program
        os.write(terminal, b"print(6 * 7, 'tides')\r")
        read_until(terminal, b"42 tides")
        os.write(terminal, b"\x1d")
        assert process.wait(END_S_MAX) == 0
    os.close(terminal)


def test_without_a_terminal_it_is_one_line(tidectl: Run) -> None:
    assert tidectl("shell", "/dev/nope").complaint() == "a shell needs a terminal"


def read_until(terminal: int, wanted: bytes, press: bytes = b"") -> None:
    """Read what the terminal shows until it shows `wanted`; the test's timeout is the limit.

    `press` is typed at first and again while nothing comes of it, as people do.
    """
    shown = b""
    press_at_s = 0.0
    while wanted not in shown:
        if press and time.monotonic() >= press_at_s:
            os.write(terminal, press)
            press_at_s = time.monotonic() + PATIENCE_S
        if select.select([terminal], [], [], PATIENCE_S)[0]:
            shown += os.read(terminal, 4096)
