"""Run mpremote, MicroPython's own remote control: run a script on a board, copy files to it.

A process, which is how it is meant to be used. Files go by name; it shows no content of theirs.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tidectl.errors import TidectlError
from tidectl.program import find_program

RUN_S_MAX = 300.0  # a whole firmware at 115,200 baud
_FREE_HINT = "end the program that has the port: a monitor, a shell, an IDE"
_HINTS = (  # part of mpremote's message -> what to do about it
    ("failed to access", _FREE_HINT),
    ("no device found", "see tidectl device list for the ports there are"),
    ("could not enter raw repl", "press RESET on the board; without MicroPython on it: flash it"),
    ("enospc", "its flash is full: flash it, which begins anew"),
    ("oserror: 28", "its flash is full: flash it, which begins anew"),
)
_HINT = (
    "press RESET on the board, look at the cable, and run the same command again; "
    "without MicroPython on it: flash it"
)


class MpremoteError(TidectlError):
    """mpremote could not do it; the message is its own, or the board's last line."""


def run(
    port: str,
    commands: Sequence[Sequence[str]],
    *,
    resume: bool = False,
    within_s: float = RUN_S_MAX,
) -> str:
    """Return what `commands` print, run one after the other on the board at `port`.

    Without `resume` the board's program is ended and its memory cleared first. All of it may
    take `within_s`. Raises MpremoteError.
    """
    words = ["resume"] if resume else []
    for command in commands:
        words += [*command, "+"] if command is not commands[-1] else command
    try:
        done = subprocess.run(
            [str(_program()), "connect", port, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MpremoteError(f"the board did not answer in {within_s:g} s", _HINT) from error
    if done.returncode:
        raise _error(port, done.stderr or done.stdout, done.returncode)
    return done.stdout


def shell(port: str) -> int:
    """Give the terminal to the board's prompt until the user leaves; return mpremote's code."""
    return subprocess.run([str(_program()), "connect", port, "repl"], check=False).returncode


def _program() -> Path:
    program = find_program("mpremote")
    if program is None:
        raise MpremoteError("there is no `mpremote` on this machine", "see tidectl doctor")
    return program


def _error(port: str, said: str, code: int) -> MpremoteError:
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    message = lines[-1] if lines else f"code {code}"
    hint = next((hint for part, hint in _HINTS if part in said.lower()), _HINT)
    if hint == _FREE_HINT and not os.path.exists(port):
        hint = "see tidectl device list for the ports there are"
    return MpremoteError(f"mpremote: {message.removeprefix('mpremote: ')}", hint)
