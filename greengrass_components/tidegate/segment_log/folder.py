"""The folder of a log: one process has it at a time, and its names are made durable."""

import fcntl
import os
from pathlib import Path

from tidegate.segment_log.errors import LogLockedError


def locked(folder: Path) -> int:
    """Make `folder`, lock it, and return the open lock; raises `LogLockedError`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise LogLockedError(f"{folder} is open in another process: end that one first") from error
    return fd


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
