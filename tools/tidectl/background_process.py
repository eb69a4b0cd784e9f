"""A program of ours in the background: it outlives the command that starts it, and its terminal.

It says in a file when it is ready; what it writes goes to a log.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from tidectl.errors import TidectlError

_T = TypeVar("_T")


class BackgroundProcess:
    """One that was started just now: `what` to people, `program` at the start of its own errors."""

    def __init__(self, command: Sequence[str], log_path: Path, *, what: str, program: str) -> None:
        self._log_path, self._what, self._program = log_path, what, program
        fd = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "ab") as log:
            self._begin_bytes = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def until_ready(
        self,
        ready: Callable[[], _T | None],
        within_s: float,
        *,
        poll_s: float,
        hint: Callable[[str], str] | None = None,
    ) -> _T:
        """Return what `ready` gives; raises `TidectlError` where it ends before, or takes too long.

        `hint` makes what to do next of the reason.
        """
        deadline = time.monotonic() + within_s
        try:
            while time.monotonic() < deadline:
                found = ready()
                if found is not None:
                    return found
                if self._process.poll() is not None:
                    reason = self._last_line()
                    advice = hint(reason) if hint else f"see {self._log_path}"
                    raise TidectlError(f"{self._what} can't start: {reason}", advice)
                time.sleep(poll_s)
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        self._process.terminate()
        raise TidectlError(
            f"{self._what} was not ready within {within_s:.0f} s", f"see {self._log_path}"
        )

    def _last_line(self) -> str:
        with self._log_path.open("rb") as log:
            if log.seek(0, os.SEEK_END) >= self._begin_bytes:  # else it was turned over
                log.seek(self._begin_bytes)
            else:
                log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix(f"{self._program}: ") if lines else "it ended at once"


def end(pid: int, within_s: float, *, what: str, log_path: Path) -> None:
    """End a process in order; raises `TidectlError` where it still runs after `within_s`."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(within_s)
    except psutil.TimeoutExpired:
        raise TidectlError(
            f"{what} (process {pid}) still runs after {within_s:.0f} s", f"see {log_path}"
        ) from None


def runs(pid: int, *words: str) -> bool:
    """Whether a process runs whose command line has all `words`."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return set(words) <= set(process.cmdline())
    except psutil.Error:
        return False
