"""The types of IoT SQL and how one becomes another (AWS IoT SQL reference, data types)."""

import json
import math
import re

import orjson

from tidelocal.rules.errors import PayloadError
from tidelocal.rules.message import UNDEFINED, Undefined, Value

INT_DIGITS_MAX = 34  # AWS: digits of an Int; longer whole numbers are Decimals
_DECIMAL_TEXT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?")
_DECIMAL_MARKS = frozenset(".eE")


def is_number(value: Value) -> bool:
    """Whether `value` is an Int or a Decimal; a Boolean is neither."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def to_number(value: Value) -> int | float | Undefined:
    """Convert for arithmetic and comparison; text only when it is a number entirely."""
    if is_number(value):
        return value  # type: ignore[no-any-return]  # is_number narrowed it
    if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
        return number_of(value)
    return UNDEFINED


def number_of(text: str) -> int | float | Undefined:
    """Read digits as an Int or a Decimal; Undefined beyond what a double holds."""
    if len(text.lstrip("-")) <= INT_DIGITS_MAX and not _DECIMAL_MARKS & set(text):
        return int(text)
    return in_range(float(text))


def in_range(number: float) -> int | float | Undefined:
    """Return `number`, or Undefined when it is more than an Int or a Decimal holds."""
    if isinstance(number, int):
        return number if abs(number) < 10**INT_DIGITS_MAX else UNDEFINED
    return number if math.isfinite(number) else UNDEFINED


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
    if is_number(value) or isinstance(value, (list, dict)):
        return json_bytes(value).decode()
    return UNDEFINED


def json_bytes(value: Value) -> bytes:
    """Return the JSON of `value`; raises `PayloadError` when it is nested too deeply."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        pass  # an Int beyond 64 bits, or more levels than orjson takes
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise PayloadError("a value of the payload is nested too deeply to be written") from error


def equal(left: Value, right: Value) -> bool | Undefined:
    """`=`: Undefined when a side is, false for different types, deep for the rest."""
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        return UNDEFINED
    if isinstance(left, bool) or isinstance(right, bool):
        return bool(left is right)
    if is_number(left) != is_number(right):
        numbers = to_number(left), to_number(right)
        return bool(UNDEFINED not in numbers and numbers[0] == numbers[1])
    return _same(left, right)


def _same(left: Value, right: Value) -> bool:
    """Compare in depth: numbers by value, everything else by type and value."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return bool(left == right)
