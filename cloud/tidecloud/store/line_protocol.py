"""Write rows as InfluxDB line protocol, column by column.

https://docs.influxdata.com/influxdb3/core/reference/line-protocol/
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tidecloud.ledger import LEDGER_TABLE, LedgerEntry
from tidecloud.rows import Rows, Value, type_of

_TABLE_ESCAPES = str.maketrans({",": r"\,", " ": r"\ "})
_KEY_ESCAPES = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})


def lines_of(rows: Rows) -> list[str]:
    """Return one line for each sample, without line ends, times in nanoseconds."""
    prefix = _prefix(rows.measurement, {"site": rows.site, "thing": rows.thing})
    names = [f"{name.translate(_KEY_ESCAPES)}=" for name in rows.fields]
    columns = list(rows.fields.values())
    if any(None in values for values in columns):
        return _lines_with_gaps(prefix, names, columns, rows.times_ns)
    # One format per batch and one C call per sample: nothing here runs once per value.
    formats, cells = zip(*map(_format_of, columns), strict=True)
    fields = ",".join(
        name.replace("%", "%%") + form for name, form in zip(names, formats, strict=True)
    )
    line = f"{prefix.replace('%', '%%')} {fields} %d"
    return [line % sample for sample in zip(*cells, rows.times_ns, strict=True)]


def ledger_line(entry: LedgerEntry) -> str:
    """Return the line of a ledger entry."""
    fields = ",".join(f"{name}={value}i" for name, value in entry.fields().items())
    return f"{_prefix(LEDGER_TABLE, entry.tags())} {fields} {entry.time_ns}"


def _prefix(table: str, tags: Mapping[str, str]) -> str:
    parts = [table.translate(_TABLE_ESCAPES)]
    parts += [f"{name}={value.translate(_KEY_ESCAPES)}" for name, value in sorted(tags.items())]
    return ",".join(parts)


def _format_of(values: Sequence[Value | None]) -> tuple[str, Iterable[object]]:
    """Return the %-format of a field without gaps, and what to put into it."""
    kind = type_of(values)
    if kind is bool:
        return "%s", map(_truth, values)
    if kind is int:
        return "%di", values
    if kind is str:
        return "%s", map(_quoted, values)
    return "%r", values  # repr: the shortest text that reads back as the same double


def _lines_with_gaps(
    prefix: str, names: list[str], columns: list[Sequence[Value | None]], times_ns: Sequence[int]
) -> list[str]:
    """Leave the fields that a sample lacks out of its line."""
    texts = []
    for name, values in zip(names, columns, strict=True):
        text = _TEXTS[type_of(values)]
        texts.append([None if value is None else name + text(value) for value in values])
    return [
        f"{prefix} {','.join(filter(None, sample))} {time_ns}"
        for time_ns, *sample in zip(times_ns, *texts, strict=True)
    ]


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(value: object) -> str:
    return f"{value}i"


def _truth(value: object) -> str:
    return "true" if value else "false"


_TEXTS: dict[type, Callable[[object], str]] = {
    bool: _truth,
    float: repr,
    int: _number,
    str: _quoted,
    type(None): str,
}
