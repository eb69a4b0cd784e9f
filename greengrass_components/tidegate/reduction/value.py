"""The values that a tag can have, as a sample holds them."""

from math import isnan

Value = int | float | bool | str | None


def number_of(value: Value) -> float | None:
    """Return `value` as a number, or None where distances mean nothing: texts, switches, NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if isnan(value) else value
