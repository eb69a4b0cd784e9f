"""Write an instant by a date pattern: the letters of Joda-Time that rules use."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_SHORT, _LONG = 3, 4


def render(pattern: str, at_ms: int, zone: str) -> str:
    """Return epoch milliseconds `at_ms` in `zone`; raises ValueError for an unknown letter."""
    info = UTC if zone.upper() in ("UTC", "GMT", "Z") else ZoneInfo(zone)
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(info)
    return _PART.sub(lambda part: _part(part, at), pattern)


def _part(part: re.Match[str], at: datetime) -> str:
    whole, quoted, letter = part.group(0), part.group(1), part.group(2)
    if quoted is not None:
        return quoted.replace("''", "'") or "'"
    return whole if letter is None else _field(letter, len(whole), at)


def _field(letter: str, width: int, at: datetime) -> str:
    """Write one field of `at`; the width of its letters chooses digits, or short or long words."""
    words = {"a": "%p", "Z": "%z", "z": "%Z", "E": "%A" if width >= _LONG else "%a"}
    if letter == "M" and width >= _SHORT:
        words["M"] = "%B" if width >= _LONG else "%b"
    if letter in words:
        return at.strftime(words[letter])
    if letter == "S":
        return f"{at.microsecond:06d}".ljust(width, "0")[:width]
    year = at.year % 100 if width == 2 else at.year  # noqa: PLR2004 two-digit year
    numbers = {
        "y": year, "Y": year, "M": at.month, "d": at.day, "D": at.timetuple().tm_yday,
        "H": at.hour, "h": at.hour % 12 or 12, "m": at.minute, "s": at.second,
    }  # fmt: skip
    if letter not in numbers:
        raise ValueError(f"{letter!r} is not a letter of a date pattern")
    return f"{numbers[letter]:0{width}d}"
