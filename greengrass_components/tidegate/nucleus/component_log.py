"""What one component writes, in a file that does not grow for ever.

Flow: script's output -> [component log] -> <root>/logs/<component>.log
Bounded: at `LOG_BYTES_MAX` the file becomes `.log.1`, and the one before that goes. A line above
`LINE_BYTES_MAX` is cut, and says so.
"""

import os
import time
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 10 * 1024 * 1024
LINE_BYTES_MAX = 8 * 1024


class ComponentLog:
    """Lines with their UTC instant, the step and whether it was standard error."""

    def __init__(self, path: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        self._path, self._bytes_max = path, bytes_max
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self._open()

    def write(self, step: str, line: bytes | str) -> None:
        """Write one line."""
        raw = line.encode() if isinstance(line, str) else line
        text = raw.rstrip(b"\r\n")
        if len(text) > LINE_BYTES_MAX:
            text = text[:LINE_BYTES_MAX] + b" ... (cut)"
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        head = f"{stamp}.{int(now % 1 * 1000):03d}Z [{step}] ".encode()
        if self._file.tell() + len(head) + len(text) >= self._bytes_max:
            self._turn()
        self._file.write(head + text + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _turn(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._open()

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
