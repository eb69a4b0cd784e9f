"""What the functions write, in one file that is turned over when it is long."""

import logging
import logging.handlers
from pathlib import Path

BYTES_MAX = 8 * 1024 * 1024
TURNED_OVER_FILES = 1


class FunctionLog:
    """Lines of all functions, each with its time and the function's name."""

    def __init__(self, path: Path) -> None:
        self._handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=BYTES_MAX, backupCount=TURNED_OVER_FILES
        )
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))

    def write(self, function: str, line: str) -> None:
        """Append one line; any thread may."""
        record = logging.LogRecord(function, logging.INFO, "", 0, line, None, None)
        self._handler.handle(record)

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
