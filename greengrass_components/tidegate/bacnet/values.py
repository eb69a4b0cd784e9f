"""From BACnet's values to plain ones, and from status flags to a quality."""

from math import isfinite
from typing import Any

from bacpypes3.basetypes import BinaryPV, ErrorType
from bacpypes3.primitivedata import Boolean, CharacterString, Enumerated

from tidegate.float32 import shortest
from tidegate.quality import Quality
from tidegate.sample import Value

Flags = Any  # four bits: in alarm, fault, overridden, out of service
_FAULT, _OVERRIDDEN, _OUT_OF_SERVICE = 1, 2, 3


def plain(raw: Any) -> Value:
    """Return a value as Python has it: active is True; None for what is no single value."""
    if isinstance(raw, BinaryPV):
        return int(raw) == 1
    if isinstance(raw, Boolean | bool):
        return bool(raw)
    if isinstance(raw, CharacterString | str):
        return str(raw)
    if isinstance(raw, float):
        return shortest(float(raw)) if isfinite(raw) else None  # most are single precision
    return int(raw) if isinstance(raw, Enumerated | int) else None


def flags_of(flags: Flags | None) -> Quality:
    """Return what status flags make of a value; an object may have none."""
    if flags is None or isinstance(flags, ErrorType):
        return Quality.GOOD
    bits = list(flags)
    if bits[_FAULT]:
        return Quality.BAD
    return Quality.UNCERTAIN if bits[_OVERRIDDEN] or bits[_OUT_OF_SERVICE] else Quality.GOOD
