"""From OPC UA's data values to values, qualities and instants."""

from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from asyncua import ua

from tidegate.float32 import shortest
from tidegate.opcua.server_clock import ns_of
from tidegate.quality import Quality
from tidegate.sample import Value
from tidegate.tag import Tag

_OVERFLOW = 0x480  # info type "data value" with the overflow bit, OPC 10000-4 7.39
_SEVERITY_SHIFT = 30  # two bits: good, uncertain, bad
_FLOAT = ua.VariantType.Float
STATUS_TYPE = "status"  # a tag of this type is the status code itself, as a number


def value_of(tag: Tag, data: Any) -> tuple[Value, Quality]:
    """Return a data value's value for `tag`, scaled, and its quality.

    A bad status has no value, whatever stands there. Texts of other languages lose the language,
    instants become ISO 8601, a whole array is bad: a tag names one element of it by the option
    `index`.
    """
    status = data.StatusCode.value if data.StatusCode is not None else 0
    if tag.type == STATUS_TYPE:
        return int(status), Quality.GOOD
    quality = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[status >> _SEVERITY_SHIFT]
    raw = data.Value.Value if data.Value is not None else None
    if quality is Quality.BAD or raw is None:
        return None, Quality.BAD
    if isinstance(raw, list | tuple):
        index = tag.options.get("index", "")
        if not index.isdecimal() or int(index) >= len(raw):
            return None, Quality.BAD
        raw = raw[int(index)]
    value = _plain(raw)
    if isinstance(value, float):
        if not isfinite(value):
            return None, Quality.BAD
        if data.Value.VariantType is _FLOAT:
            value = shortest(value)
    return tag.meant(value), quality if value is not None else Quality.BAD


def overflowed(data: Any) -> bool:
    """Return whether the server dropped older values of this one's queue."""
    return data.StatusCode is not None and data.StatusCode.value & _OVERFLOW == _OVERFLOW


def clock_of(times: str) -> Callable[[Any, int], int]:
    """Return what gives the instant of a data value in ns, `source`, `server` or `gateway`.

    The second argument is now; it serves where the value has no instant of its own.
    """
    if times == "gateway":
        return lambda _data, here_ns: here_ns

    def instant(data: Any, here_ns: int) -> int:
        told = data.SourceTimestamp if times == "source" else None
        told = told or data.ServerTimestamp or data.SourceTimestamp
        return ns_of(told) if told else here_ns

    return instant


def _plain(raw: Any) -> Value:
    if isinstance(raw, bool | str):
        return raw
    if isinstance(raw, int):
        return int(raw)  # an enumeration's number
    if isinstance(raw, float):
        return float(raw)
    if isinstance(raw, datetime):
        return raw.replace(tzinfo=raw.tzinfo or UTC).isoformat()
    text = getattr(raw, "Text", None)
    return str(text) if text is not None else None
