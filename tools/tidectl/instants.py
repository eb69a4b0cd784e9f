"""Instants as people write and read them, and as epoch milliseconds."""

import re
import time
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """Return the epoch milliseconds of now."""
    return time.time_ns() // 1_000_000


def iso(at_ms: int) -> str:
    """Return an instant as ISO 8601 in UTC, to the millisecond."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str) -> int:
    """Return the epoch milliseconds of ISO 8601 text; without a zone it is UTC.

    What is finer than a millisecond is cut off. Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def since(text: str, *, at_ms: int) -> int:
    """Return the instant that `text` names: ISO 8601, or how long before `at_ms` (`90s`, `2h`).

    Raises ValueError.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return at_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        return epoch_ms(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither like 90s, 15m, 2h, 7d nor an ISO 8601 time"
        ) from None
