"""End what a killed nucleus left behind: its components' processes.

They are known by the socket in their environment, so nothing else can be taken for one.
"""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tidegate.ipc.client import SOCKET_VARIABLE

log = logging.getLogger(__name__)


def end_leftovers(socket_path: Path, proc: Path = Path("/proc")) -> int:
    """End this user's processes that were started for `socket_path`; return how many."""
    found = list(leftovers(socket_path, proc))
    for pid in found:
        log.warning("ended process %d of a nucleus that was killed", pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def leftovers(socket_path: Path, proc: Path = Path("/proc")) -> Iterator[int]:
    """Yield the processes that have `socket_path` in their environment."""
    mark = f"{SOCKET_VARIABLE}={socket_path}".encode()
    for folder in proc.glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with suppress(OSError):  # another user's, or gone
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
