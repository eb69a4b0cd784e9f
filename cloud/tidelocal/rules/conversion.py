"""The types of IoT SQL and how one becomes another (AWS IoT SQL reference, data types)."""

import re
from typing import Any

import orjson

from tidelocal.rules.message import UNDEFINED, Undefined, Value

_DECIMAL_TEXT = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?")


def is_number(value: Value) -> bool:
    """Whether `value` is an Int or a Decimal; a Boolean is neither."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def to_number(value: Value) -> int | float | Undefined:
    """Convert for arithmetic and comparison; text only when it is a number entirely."""
    if is_number(value):
        return value  # type: ignore[no-any-return]  # is_number narrowed it
    if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
        return float(value) if any(mark in value for mark in ".eE") else int(value)
    return UNDEFINED


def to_boolean(value: Value) -> bool | Undefined:
    """Convert for AND, OR and NOT."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return UNDEFINED


def to_text(value: Value) -> str | Undefined:
    """Convert for concatenation and text functions."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return orjson.dumps(value).decode()
    if isinstance(value, (list, dict)):
        return orjson.dumps(defined(value)).decode()
    return UNDEFINED


def defined(value: Value) -> Any:
    """Return `value` without what is Undefined inside objects and arrays."""
    if isinstance(value, dict):
        return {k: defined(v) for k, v in value.items() if v is not UNDEFINED}
    if isinstance(value, list):
        return [defined(item) for item in value if item is not UNDEFINED]
    return value


def equal(left: Value, right: Value) -> bool | Undefined:
    """`=`: Undefined when a side is, false for different types, deep for the rest."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    if isinstance(left, bool) or isinstance(right, bool):
        return bool(left is right)
    if is_number(left) != is_number(right):
        numbers = to_number(left), to_number(right)
        return bool(UNDEFINED not in numbers and numbers[0] == numbers[1])
    return bool(left == right) and (type(left) is type(right) or is_number(left))
