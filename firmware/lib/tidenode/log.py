"""Say what went wrong, on stderr (the REPL's serial line on a board)."""

import sys
import time


def warn(message: str) -> None:
    """Write one line, with the ticks since the start."""
    ticks_ms = time.ticks_ms()  # type: ignore[attr-defined]
    print("%d.%03d %s" % (ticks_ms // 1_000, ticks_ms % 1_000, message), file=sys.stderr)
