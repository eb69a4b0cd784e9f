"""What the nucleus itself writes, in a file that does not grow for ever.

Flow: log records, standard output and error -> [nucleus log] -> FILE, FILE.1 ...
Bounded: at `BYTES_MAX` the file is turned over, and `TURNED_OVER_FILES` of those before it stay. A
component's lines are in a file of its own (`component_log`).
"""

import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

BYTES_MAX = 5 * 1024 * 1024
TURNED_OVER_FILES = 3
_OUTPUTS = (1, 2)


class NucleusLog(RotatingFileHandler):
    """A handler of the root logger that takes the standard output and error along.

    A traceback of the interpreter, or what a library prints, would else go on into the file that
    was turned over, and later into one that is deleted.
    """

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        super().__init__(path, maxBytes=bytes_max, backupCount=TURNED_OVER_FILES, encoding="utf-8")
        self._take_outputs()

    def doRollover(self) -> None:  # noqa: N802  the name of the base class
        """Turn the file over."""
        super().doRollover()
        self._take_outputs()

    def _open(self) -> TextIOWrapper:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(fd, "a", encoding=self.encoding)

    def _take_outputs(self) -> None:
        if self.stream is not None:  # that would be a handler that opens late
            for fd in _OUTPUTS:
                os.dup2(self.stream.fileno(), fd)
