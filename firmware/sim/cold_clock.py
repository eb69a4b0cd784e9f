"""Stand in for the module `time` of a board whose clock was never set: it boots at 2000-01-01.

Only what `tidenode` imports is replaced. TLS checks dates by the host's clock all the same.
"""

import sys
import time

_EPOCH_2000_NS = 946_684_800_000_000_000


class ColdTime:
    """The module `time` but for the time; on the unix port its epoch is 1970."""

    def __init__(self) -> None:
        self._behind_ns = time.time_ns() - _EPOCH_2000_NS

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def time_ns(self) -> int:
        """Return nanoseconds since 1970, as far as this board knows."""
        return time.time_ns() - self._behind_ns


def install() -> None:
    """Have what is imported from now on find this."""
    sys.modules["time"] = ColdTime()  # type: ignore[assignment]  # it does as one
