"""A flat JSON object: one sample, its scalar members the fields. CPython only.

`{"time": "2026-05-01T12:00:00Z", "temperature_c": 21.5, "door": "open"}`. The time is the
member `time`, `timestamp` or `ts` (at most one): seconds since 1970 below 10**11 (the year
5138), milliseconds from there, or ISO 8601 text with its zone; without one it is the time
of receipt. Null members are left out; objects and arrays are refused.
"""

import math
from datetime import datetime, timedelta, timezone

from tidewire.errors import WireMalformedError
from tidewire.fieldname import field_of

_TIME_MEMBERS = ("time", "timestamp", "ts")
_SECONDS_BELOW = 10**11
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def flat_values(item: object, received_at_ms: int) -> list[tuple[int, str, object]]:
    """Return (time in ms, field, value) of each member. Raises WireMalformedError."""
    if not isinstance(item, dict):
        raise WireMalformedError("a flat payload is one JSON object")
    given = [name for name in _TIME_MEMBERS if item.get(name) is not None]
    if len(given) > 1:
        raise WireMalformedError(f"a flat payload has {' and '.join(given)}")
    time_ms = _time_ms(item[given[0]]) if given else received_at_ms
    values: list[tuple[int, str, object]] = []
    for name, value in item.items():
        if name in _TIME_MEMBERS or value is None:
            continue
        if not isinstance(value, (bool, float, str)):
            raise WireMalformedError(f"member {name!r:.80} is not a number, text or boolean")
        if isinstance(value, float) and not math.isfinite(value):
            raise WireMalformedError(f"member {name!r:.80} is too large a number")
        values.append((time_ms, field_of(name), value))
    return values


def _time_ms(value: object) -> int:
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise WireMalformedError(f"time {value!r:.80} is not ISO 8601") from None
        if instant.tzinfo is None:
            raise WireMalformedError(f"time {value!r:.80} has no zone; end it with Z for UTC")
        return round((instant - _EPOCH) / timedelta(milliseconds=1))
    if not isinstance(value, float) or not math.isfinite(value):
        raise WireMalformedError("time is neither a number nor text")
    return round(value * 1000 if abs(value) < _SECONDS_BELOW else value)
