"""Lines of a board, cut from bytes as they come, over a port that goes and comes back."""

import os
import pty
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidectl.errors import TidectlError
from tidectl.monitor import LINE_BYTES_MAX, Lines, follow
from tidectl.serial_port import BAUD

HEARD_S_MAX = 20.0


@given(st.lists(st.text("ab\r é", max_size=5), max_size=5), st.integers(1, 7))
def test_lines_are_whole_however_the_bytes_come(texts: list[str], step: int) -> None:
    data = "".join(f"{text}\r\n" for text in texts).encode()
    lines = Lines()
    found = [
        line
        for start in range(0, len(data), step)
        for line in lines.feed(data[start : start + step])
    ]
    assert found == [text.rstrip("\r") for text in texts]
    assert lines.flush() == ""


def test_a_line_without_an_end_is_cut_and_not_kept() -> None:
    lines = Lines()
    assert list(lines.feed(b"x" * LINE_BYTES_MAX)) == []
    assert list(lines.feed(b"yz")) == ["x" * LINE_BYTES_MAX + "yz"]
    assert list(lines.feed(b"\xff\n")) == ["�"]


def hear(line: str, heard: "Queue[str]", terminal: int | None = None) -> None:
    """Wait for `line`; say it time and again if there is a terminal.

    What is said before the port is open is lost, as on a wire.
    """
    deadline = time.monotonic() + HEARD_S_MAX
    while time.monotonic() < deadline:
        if terminal is not None:
            os.write(terminal, f"{line}\r\n".encode())
        with suppress(Empty):
            if heard.get(timeout=0.1) == line:
                return
    raise AssertionError(f"did not hear {line}")


def test_a_port_that_comes_back_is_followed_on(tmp_path: Path) -> None:
    """The path is one that a udev rule keeps; the terminal behind it is another each time."""
    port = tmp_path / "board"
    heard: Queue[str] = Queue()
    told: Queue[str] = Queue()

    def listen() -> None:
        for line in follow(str(port), BAUD, told.put):
            heard.put(line)
            if line == "end":
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert told.get(timeout=HEARD_S_MAX) == f"{port} is gone: waiting for it"
    for line in ("one", "two", "end"):
        terminal, slave = pty.openpty()
        port.symlink_to(os.ttyname(slave))
        hear(line, heard, terminal)
        assert told.get(timeout=HEARD_S_MAX) == f"{port} is back"
        port.unlink()
        if line != "end":
            os.write(terminal, b"half a line")
        os.close(slave)
        os.close(terminal)
        if line != "end":
            assert told.get(timeout=HEARD_S_MAX) == f"{port} is gone: waiting for it"
    listener.join(HEARD_S_MAX)
    assert not listener.is_alive()


def test_a_port_that_may_not_be_opened_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no terminal")
    with pytest.raises(TidectlError, match="can't open"):
        next(follow(str(tmp_path / "file"), BAUD, lambda _: None))
