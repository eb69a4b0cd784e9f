"""Write an answer as InfluxDB 3 prints it: json, jsonl, csv, pretty or parquet.

Times are ISO 8601 in UTC without a zone, with as many of 3, 6 or 9 decimals as they need. In
JSON a column that is null is left out of its row, as InfluxDB 3 does.
"""

import io
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tidelocal.timeseries.errors import QueryRefusedError

CONTENT_TYPES = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "pretty": "text/plain; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_PRETTY_ROWS_MAX = 10_000  # it is for eyes


def written(rows: pa.Table, form: str) -> bytes:
    """Raises QueryRefusedError for an unknown format or a value it cannot carry."""
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(rows, sink)
        return sink.getvalue()
    if form not in CONTENT_TYPES:
        raise QueryRefusedError(f"unknown format {form!r}; use one of {', '.join(CONTENT_TYPES)}")
    names, columns = rows.column_names, plain_columns(rows)
    if form == "csv":
        return _csv(names, columns)
    if form == "pretty":
        return _pretty(names, [column[:_PRETTY_ROWS_MAX] for column in columns])
    objects = (_present(names, values) for values in zip(*columns, strict=True))
    if form == "json":
        return orjson.dumps(list(objects), default=str)
    return b"".join(
        orjson.dumps(each, default=str, option=orjson.OPT_APPEND_NEWLINE) for each in objects
    )


def plain_columns(rows: pa.Table) -> list[list[Any]]:
    """The columns as lists of JSON's types."""
    return [_plain(column) for column in rows.columns]


def iso(time_ns: int) -> str:
    """`1970-01-01T00:00:00.5`: the shortest of 0, 3, 6 and 9 decimals that is exact."""
    text = str(pa.scalar(time_ns // 10**9, pa.timestamp("s")).as_py()).replace(" ", "T")
    rest = time_ns % 10**9
    if rest == 0:
        return text
    for digits in (3, 6):
        if rest % 10 ** (9 - digits) == 0:
            return f"{text}.{rest // 10 ** (9 - digits):0{digits}d}"
    return f"{text}.{rest:09d}"


def _plain(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        counts = column.cast(pa.timestamp("ns")).cast(pa.int64()).to_pylist()
        return [None if count is None else iso(count) for count in counts]
    if pa.types.is_struct(kind):
        parts = [
            (field.name, _plain(pa.chunked_array(column.combine_chunks().field(field.name))))
            for field in kind
        ]
        names = [name for name, _ in parts]
        values = zip(*(part for _, part in parts), strict=True)
        return [dict(zip(names, row, strict=True)) for row in values]
    values = column.to_pylist()
    if pa.types.is_decimal(kind):
        if kind.scale == 0:  # DuckDB's sum of integers, which InfluxDB 3 keeps one
            return [None if value is None else _whole(int(value)) for value in values]
        return [None if value is None else float(value) for value in values]
    if pa.types.is_interval(kind) or pa.types.is_duration(kind) or pa.types.is_binary(kind):
        return [None if value is None else str(value) for value in values]
    plain: list[Any] = values
    return plain


def _whole(value: int) -> int | float:
    """Return `value` as JSON carries it: what does not fit in 64 bits is rounded."""
    return value if -(1 << 63) <= value < 1 << 63 else float(value)


def _present(names: list[str], values: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _csv(names: list[str], columns: list[list[Any]]) -> bytes:
    lines = [",".join(map(_csv_cell, names))]
    lines += [",".join(map(_csv_cell, row)) for row in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _csv_cell(value: Any) -> str:
    text = _text(value)
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def _pretty(names: list[str], columns: list[list[Any]]) -> bytes:
    cells = [[name, *map(_text, column)] for name, column in zip(names, columns, strict=True)]
    widths = [max(map(len, column)) for column in cells]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def lines() -> Iterator[str]:
        for number, row in enumerate(zip(*cells, strict=True)):
            if number < 2:  # noqa: PLR2004 - above and below the names
                yield rule
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "| " + " | ".join(padded) + " |"
        yield rule

    return "\n".join(lines()).encode()
