"""Read a log's last lines, and those that come."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

TAIL_BYTES_MAX = 1024 * 1024
_POLL_S = 0.2


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file, of its last megabyte; none when it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES_MAX))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines[-count:] if count else []


def new_lines(path: Path) -> Iterator[str]:
    """Yield lines as they are written, for ever; a file that is turned over is followed."""
    while not path.exists():
        time.sleep(_POLL_S)
    file = path.open("rb")
    file.seek(0, os.SEEK_END)
    rest = b""
    while True:
        chunk = file.read(64 * 1024)
        if chunk:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            continue
        if path.exists() and os.fstat(file.fileno()).st_ino != path.stat().st_ino:
            file.close()
            file = path.open("rb")
            continue
        time.sleep(_POLL_S)
