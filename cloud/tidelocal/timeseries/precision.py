"""What unit a written timestamp counts in, by each API's words for it."""

from enum import IntEnum

from tidelocal.timeseries.errors import TimeSeriesError

# DuckDB keeps the ends of the 64-bit range for its infinities.
TIME_NS_MIN, TIME_NS_MAX = -(2**63) + 2, 2**63 - 2


class PrecisionError(TimeSeriesError):
    """The request names a unit that does not exist."""


class Precision(IntEnum):
    """The value is the unit in nanoseconds; AUTO goes by the size of each timestamp."""

    AUTO = 0
    NANOSECOND = 1
    MICROSECOND = 1_000
    MILLISECOND = 1_000_000
    SECOND = 1_000_000_000
    MINUTE = 60_000_000_000
    HOUR = 3_600_000_000_000

    @classmethod
    def of(cls, word: str) -> "Precision":
        """Raises PrecisionError."""
        found = _WORDS.get(word)
        if found is None:
            raise PrecisionError(f"unknown precision {word!r}; use one of {', '.join(_WORDS)}")
        return found

    def to_ns(self, timestamp: int) -> int:
        """`timestamp` in nanoseconds; may lie outside TIME_NS_MIN..TIME_NS_MAX."""
        if self is not Precision.AUTO:
            return timestamp * int(self)
        size = abs(timestamp)
        for below, unit in _AUTO_BELOW:
            if size < below:
                return timestamp * unit
        return timestamp


_WORDS = {
    "auto": Precision.AUTO,
    "nanosecond": Precision.NANOSECOND,
    "ns": Precision.NANOSECOND,
    "n": Precision.NANOSECOND,
    "microsecond": Precision.MICROSECOND,
    "us": Precision.MICROSECOND,
    "u": Precision.MICROSECOND,
    "µ": Precision.MICROSECOND,
    "millisecond": Precision.MILLISECOND,
    "ms": Precision.MILLISECOND,
    "second": Precision.SECOND,
    "s": Precision.SECOND,
    "m": Precision.MINUTE,
    "h": Precision.HOUR,
}
# InfluxDB 3's thresholds: what is under 5e9 counts seconds, and so on by thousands.
_AUTO_BELOW = ((5 * 10**9, 10**9), (5 * 10**12, 10**6), (5 * 10**15, 10**3))
