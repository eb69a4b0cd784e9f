"""Write an instant by a date pattern: the letters of Joda-Time that rules use."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_SHORT, _LONG = 3, 4
LETTERS = frozenset("yYMdDHhmsSaEZz")


def render(pattern: str, at_ms: int, zone: str) -> str:
    """Return epoch milliseconds `at_ms` in `zone`; raises ValueError for an unknown letter."""
    info = UTC if zone.upper() in ("UTC", "GMT", "Z") else ZoneInfo(zone)
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(info)
    return _PART.sub(lambda part: _part(part, at), pattern)


def _part(part: re.Match[str], at: datetime) -> str:
    whole, quoted, letter = part.group(0), part.group(1), part.group(2)
    if quoted is not None:
        return quoted.replace("''", "'") or "'"
    if letter is None:
        return whole
    width = len(whole)
    if letter == "S":
        return f"{at.microsecond:06d}".ljust(width, "0")[:width]
    if letter == "M" and width >= _SHORT:
        return at.strftime("%B" if width >= _LONG else "%b")
    if letter in "yY" and width == 2:  # noqa: PLR2004 two-digit year
        return f"{at.year % 100:02d}"
    if letter == "E":
        return at.strftime("%A" if width >= _LONG else "%a")
    texts = {"a": "%p", "Z": "%z", "z": "%Z"}
    if letter in texts:
        return at.strftime(texts[letter])
    numbers = {
        "y": at.year, "Y": at.year, "M": at.month, "d": at.day, "D": at.timetuple().tm_yday,
        "H": at.hour, "h": at.hour % 12 or 12, "m": at.minute, "s": at.second,
    }  # fmt: skip
    if letter not in numbers:
        raise ValueError(f"{letter!r} is not a letter of a date pattern")
    return f"{numbers[letter]:0{width}d}"
