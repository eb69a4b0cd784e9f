"""What a line looks like without its values: one regular expression reads all its likes.

The expression takes less than line protocol allows (no escapes, no odd blanks, no number
near the ends of its range); what it does not match is parsed by hand, so both ways give the
same points. A test holds them equal.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any

import pyarrow as pa

from tidelocal.timeseries.line import BOOLEANS, Line
from tidelocal.timeseries.points import Field, FieldKind, Points, Refused
from tidelocal.timeseries.precision import TIME_NS_MAX, TIME_NS_MIN, Precision

_SHAPES_MAX = 512  # compiled expressions kept between bodies
_TAG_VALUE = r"([^\\,= \t\r\n]+)"
_VALUES = {
    # Short exponents and bounded digits cannot overflow, so no value needs a second look.
    FieldKind.FLOAT: r"([-+]?[0-9]{1,200}(?:\.[0-9]{0,200})?(?:[eE][-+]?[0-9]{1,2})?)",
    FieldKind.INTEGER: r"(-?[0-9]{1,18})i",
    FieldKind.UNSIGNED: r"([0-9]{1,19})u",
    FieldKind.BOOLEAN: "(" + "|".join(sorted(BOOLEANS, key=len, reverse=True)) + ")",
    FieldKind.STRING: r'"([^"\\\n]*)"',
}
_CONVERT: dict[FieldKind, Callable[[str], Any]] = {
    FieldKind.FLOAT: float,
    FieldKind.INTEGER: int,
    FieldKind.UNSIGNED: int,
    FieldKind.BOOLEAN: BOOLEANS.__getitem__,
    FieldKind.STRING: str,
}
_Shape = tuple[str, tuple[str, ...], tuple[tuple[str, FieldKind], ...], bool]


def shape_of(line: Line) -> _Shape:
    kinds = (kind for kind, _ in line.fields.values())
    fields = tuple(zip(line.raw_fields, kinds, strict=True))
    return line.raw_measurement, line.raw_tags, fields, line.timestamp is not None


@lru_cache(maxsize=_SHAPES_MAX)
def expression(shape: _Shape) -> re.Pattern[str]:
    """Matches a whole line of `shape` with its newline; groups are values, then time."""
    measurement, tags, fields, timed = shape
    parts = [re.escape(measurement)]
    parts += [f",{re.escape(name)}={_TAG_VALUE}" for name in tags]
    values = (f"{re.escape(name)}={_VALUES[kind]}" for name, kind in fields)
    parts.append(" " + ",".join(values))
    parts.append(" (-?[0-9]{1,19})" if timed else "")
    return re.compile("".join(parts) + r"(?:\n|\Z)")


class LineRun:
    """The lines of one shape in one body, gathered until they become columns."""

    def __init__(self, first: Line) -> None:
        self._shape = shape_of(first)
        self._names = first
        self._expression: re.Pattern[str] | None = None
        self._matched: list[tuple[str, ...]] = []
        self._matched_at: list[int] = []
        self._parsed: list[Line] = []
        self._parsed_at: list[int] = []

    def add(self, line: Line, number: int) -> None:
        """Take a line parsed by hand."""
        if self._parsed and self._expression is None:
            self._expression = expression(self._shape)  # worth it from the second line on
        self._parsed.append(line)
        self._parsed_at.append(number)

    def take(self, text: str, at: int, number: int) -> tuple[int, int]:
        """Take the lines from `at` on that match; where it stopped, and the line number."""
        if self._expression is None:
            return at, number
        match, rows = self._expression.match, self._matched
        end, first = len(text), number
        while at < end and (found := match(text, at)) is not None:
            rows.append(found.groups())
            at = found.end()
            number += 1
        self._matched_at += range(first, number)
        return at, number

    def points(self, precision: Precision, now_ns: int, refused: list[Refused]) -> Points | None:
        """The points of these lines; those with an impossible time go to `refused`."""
        names, parsed = self._names, self._parsed
        columns: list[tuple[str, ...]] = list(zip(*self._matched, strict=True))
        columns = columns or [()] * (len(names.tags) + len(names.fields) + 1)
        positions = [*self._matched_at, *self._parsed_at]
        tags = {
            name: [*columns[index], *map(itemgetter(name), (line.tags for line in parsed))]
            for index, name in enumerate(names.tags)
        }
        fields: dict[str, tuple[FieldKind, list[Any]]] = {}
        for index, (name, (kind, _)) in enumerate(names.fields.items(), len(names.tags)):
            convert = _CONVERT[kind]
            by_hand = [line.fields[name][1] for line in parsed]
            fields[name] = kind, [*map(convert, columns[index]), *by_hand]
        times = self._times(columns[-1], precision, now_ns)
        kept = pa.array(range(len(times)), pa.int64())
        if times and not (min(times) >= TIME_NS_MIN and max(times) <= TIME_NS_MAX):
            inside = [TIME_NS_MIN <= time <= TIME_NS_MAX for time in times]
            refused += [
                Refused(position, f"the timestamp is {time} ns, outside the 64-bit range")
                for position, time, ok in zip(positions, times, inside, strict=True)
                if not ok
            ]
            kept = pa.array((i for i, ok in enumerate(inside) if ok), pa.int64())
            times = [time if ok else 0 for time, ok in zip(times, inside, strict=True)]
        if not len(kept):
            return None

        def column(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
            made = pa.array(values, kind)
            return made if len(kept) == len(made) else made.take(kept)

        return Points(
            names.measurement,
            column(times, pa.int64()),
            {name: column(values, pa.string()) for name, values in tags.items()},
            {
                name: Field(kind, column(values, kind.arrow))
                for name, (kind, values) in fields.items()
            },
            column(positions, pa.int64()),
        )

    def _times(self, matched: tuple[str, ...], precision: Precision, now_ns: int) -> list[int]:
        if not self._shape[3]:
            return [now_ns] * (len(self._matched) + len(self._parsed))
        counts = [*map(int, matched), *(line.timestamp or 0 for line in self._parsed)]
        return list(map(precision.to_ns, counts))
