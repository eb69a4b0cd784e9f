"""Say what went wrong, on stderr (the REPL's serial line on a board).

Bounded: the newest KEPT_MAX lines are kept for who asks from afar, if anybody may.
"""

import sys
import time

KEPT_MAX = 8  # a kilobyte
KEPT_CHARACTERS_MAX = 100

_kept: "list[str] | None" = None


def warn(message: str) -> None:
    """Write one line, with the ticks since the start."""
    ticks_ms = time.ticks_ms()  # type: ignore[attr-defined]  # MicroPython's
    line = "%d.%03d %s" % (ticks_ms // 1_000, ticks_ms % 1_000, message)
    print(line, file=sys.stderr)
    if _kept is not None:
        if len(_kept) >= KEPT_MAX:
            _kept.pop(0)
        _kept.append(line[:KEPT_CHARACTERS_MAX])


def keep() -> None:
    """Keep lines from now on."""
    global _kept
    _kept = []


def kept(lines_max: int) -> "list[str]":
    """Return the newest lines, oldest first."""
    return (_kept or [])[-lines_max:] if lines_max > 0 else []
