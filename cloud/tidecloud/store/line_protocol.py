"""Write rows as InfluxDB line protocol, column by column.

https://docs.influxdata.com/influxdb3/core/reference/line-protocol/
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat

from tidecloud.ledger import LEDGER_TABLE, LedgerEntry
from tidecloud.rows import Rows, Value, type_of

_TABLE_ESCAPES = str.maketrans({",": r"\,", " ": r"\ "})
_KEY_ESCAPES = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})


def lines_of(rows: Rows) -> list[str]:
    """Return one line for each sample, without line ends, times in nanoseconds."""
    prefix = _prefix(rows.measurement, {"site": rows.site, "thing": rows.thing})
    names = [f"{name.translate(_KEY_ESCAPES)}=" for name in rows.fields]
    texts, gaps = [], False
    for values in rows.fields.values():
        distinct = set(values)
        gaps = gaps or None in distinct
        texts.append(_texts_of(values, distinct))
    if gaps:
        return _lines_with_gaps(prefix, names, texts, rows.times_ns)
    # One C call for each sample: nothing here runs in Python once per value.
    parts: list[Iterable[str]] = []
    for number, (name, column) in enumerate(zip(names, texts, strict=True)):
        parts += [repeat(f",{name}" if number else f"{prefix} {name}"), column]  # type: ignore[list-item]  # a list of iterators
    parts.append([f" {time_ns}" for time_ns in rows.times_ns])
    return list(map("".join, zip(*parts, strict=False)))  # repeat has no end


def ledger_line(entry: LedgerEntry) -> str:
    """Return the line of a ledger entry."""
    fields = ",".join(f"{name}={value}i" for name, value in entry.fields().items())
    return f"{_prefix(LEDGER_TABLE, entry.tags())} {fields} {entry.time_ns}"


def _prefix(table: str, tags: Mapping[str, str]) -> str:
    parts = [table.translate(_TABLE_ESCAPES)]
    parts += [f"{name}={value.translate(_KEY_ESCAPES)}" for name, value in sorted(tags.items())]
    return ",".join(parts)


def _texts_of(values: Sequence[Value | None], distinct: set[Value | None]) -> list[str | None]:
    """Return the text of each value; a missing one stays missing.

    Readings repeat: with few distinct values each is written once, which is twice as fast on
    slow sensors. Zero and minus zero are one member of a set, so they are always written out.
    """
    kind = type_of(values)
    text = _TEXTS[kind]
    if 2 * len(distinct) < len(values) and not (kind is float and 0.0 in distinct):
        table = {value: None if value is None else text(value) for value in distinct}
        return list(map(table.__getitem__, values))
    if None in distinct:
        return [None if value is None else text(value) for value in values]
    return list(map(text, values))


def _lines_with_gaps(
    prefix: str,
    names: Sequence[str],
    texts: Sequence[Sequence[str | None]],
    times_ns: Sequence[int],
) -> list[str]:
    """Leave the fields that a sample lacks out of its line."""
    columns = [
        [None if text is None else name + text for text in column]
        for name, column in zip(names, texts, strict=True)
    ]
    return [
        f"{prefix} {','.join(filter(None, sample))} {time_ns}"
        for time_ns, *sample in zip(times_ns, *columns, strict=True)
    ]


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(value: object) -> str:
    return f"{value}i"


def _truth(value: object) -> str:
    return "true" if value else "false"


_TEXTS: dict[type, Callable[[object], str]] = {
    bool: _truth,
    float: repr,  # the shortest text that reads back as the same double
    int: _number,
    str: _quoted,
    type(None): str,
}
