"""Rows: the samples of one measurement of one thing, column by column, as a store takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples at `times_ns` (epoch, UTC); each field's list is as long and of one type.

    `None` marks a field a sample lacks. No sample lacks all of them, floats are finite,
    integers fit in 64 bits: a store need not look again.
    """

    thing: str
    site: str
    measurement: str
    times_ns: Sequence[int]
    fields: Mapping[str, Sequence[Value | None]]


def type_of(values: Sequence[Value | None]) -> type:
    """Return the type of a field: that of its first value, or `NoneType` without any."""
    for value in values:
        if value is not None:
            return type(value)
    return type(None)
