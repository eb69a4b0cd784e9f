"""Stand in for the module `time` of a board whose clock was without power: it is of its own.

Only what `tidenode` imports is replaced. TLS checks dates by the host's clock all the same.
"""

import sys
import time


class ColdTime:
    """The module `time` but for the time; on the unix port its epoch is 1970."""

    def __init__(self, behind_ns: int) -> None:
        self.behind_ns = behind_ns

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def time_ns(self) -> int:
        """Return nanoseconds since 1970, as far as this board knows."""
        return time.time_ns() - self.behind_ns


def install(behind_ns: int) -> None:
    """Have what is imported from now on find this."""
    sys.modules["time"] = ColdTime(behind_ns)  # type: ignore[assignment]  # it does as one


def set_clock(moment: "tuple[int, ...]") -> None:
    """Set it to `moment`, as `machine.RTC.datetime` has it; it goes on through sleep and reset."""
    import rtc

    year, month, day, _, hour, minute, second, microsecond = moment
    if month < 3:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400  # of the years before 1 March
    days += (153 * month - 457) // 5 + day - 719_469  # 1970-01-01 is 0
    utc_s = ((days * 24 + hour) * 60 + minute) * 60 + second
    behind_ns = time.time_ns() - (utc_s * 1_000_000 + microsecond) * 1_000
    sys.modules["time"].behind_ns = behind_ns  # type: ignore[attr-defined]  # as installed
    with rtc.opened(".clock") as file:
        file.write(b"%20d" % behind_ns)  # for the host, which starts the next process with it
