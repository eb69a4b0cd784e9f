"""An Arrow table as Timestream's Rows and ColumnInfo."""

from typing import Any

import pyarrow as pa

_SCALARS = (
    (pa.types.is_boolean, "BOOLEAN"),
    (lambda kind: pa.types.is_int64(kind) or pa.types.is_unsigned_integer(kind), "BIGINT"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_timestamp, "TIMESTAMP"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (
        lambda kind: pa.types.is_interval(kind) or pa.types.is_duration(kind),
        "INTERVAL_DAY_TO_SECOND",
    ),
    (pa.types.is_null, "UNKNOWN"),
)


def column_info(rows: pa.Table) -> list[dict[str, Any]]:
    return [{"Name": field.name, "Type": _type(field.type)} for field in rows.schema]


def data_rows(rows: pa.Table) -> list[dict[str, Any]]:
    columns = [_data(column.combine_chunks(), column.type) for column in rows.columns]
    return [{"Data": list(row)} for row in zip(*columns, strict=True)]


def _type(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"ArrayColumnInfo": {"Type": _type(kind.value_type)}}
    if pa.types.is_struct(kind):
        return {"RowColumnInfo": [{"Name": part.name, "Type": _type(part.type)} for part in kind]}
    if pa.types.is_decimal(kind):  # DuckDB's sum of integers, or a decimal literal
        return {"ScalarType": "BIGINT" if kind.scale == 0 else "DOUBLE"}
    for test, name in _SCALARS:
        if test(kind):
            return {"ScalarType": name}
    return {"ScalarType": "VARCHAR"}


def _data(values: pa.Array, kind: pa.DataType) -> list[dict[str, Any]]:
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("ns")).cast(pa.int64())
    return [_datum(value, kind) for value in values.to_pylist()]


def _datum(value: Any, kind: pa.DataType) -> dict[str, Any]:
    if value is None:
        return {"NullValue": True}
    if pa.types.is_list(kind):
        return {"ArrayValue": [_datum(each, kind.value_type) for each in value]}
    if pa.types.is_struct(kind):
        return {"RowValue": {"Data": [_datum(value[part.name], part.type) for part in kind]}}
    return {"ScalarValue": _scalar(value, kind)}


def _scalar(value: Any, kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        if not isinstance(value, int):  # inside a list or a row
            value = pa.scalar(value, pa.timestamp("ns")).cast(pa.int64()).as_py()
        seconds = pa.scalar(value // 10**9, pa.timestamp("s")).as_py()
        return f"{seconds}.{value % 10**9:09d}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if pa.types.is_interval(kind) or pa.types.is_duration(kind):
        nanoseconds = (
            value.nanoseconds
            if hasattr(value, "nanoseconds")
            else int(value.total_seconds() * 10**9)
        )
        seconds_, rest = divmod(nanoseconds, 10**9)
        minutes, second = divmod(seconds_, 60)
        hours, minute = divmod(minutes, 60)
        days, hour = divmod(hours, 24)
        days += getattr(value, "days", 0) if hasattr(value, "nanoseconds") else 0
        return f"{days} {hour:02d}:{minute:02d}:{second:02d}.{rest:09d}"
    if pa.types.is_date(kind):
        return str(value.isoformat())
    return str(value)
