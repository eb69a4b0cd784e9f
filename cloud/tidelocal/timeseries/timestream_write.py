"""WriteRecords: records into points, refused ones by their index, the rest stored.

Flow: records -> common attributes merged -> checked -> grouped by shape -> engine
A malformed request is a ValidationException and stores nothing; a record that cannot be
stored is named in a RejectedRecordsException, and the others of its request are stored.
"""

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.points import Field, FieldKind, Points, Refused
from tidelocal.timeseries.precision import TIME_NS_MAX, TIME_NS_MIN
from tidelocal.timeseries.schema import Table
from tidelocal.timeseries.timestream_error import TimestreamError, ValidationError, text
from tidelocal.timeseries.timestream_tables import retention_of

MEASURE_NAME = "measure_name"
RECORDS_MAX = 100
DIMENSIONS_MAX = 128
VALUE_CHARS_MAX = 2048
_FUTURE_NS_MAX = 15 * 60 * 10**9
_VERSION_MAX = 2**63 - 1
_UNITS_NS = {"SECONDS": 10**9, "MILLISECONDS": 10**6, "MICROSECONDS": 10**3, "NANOSECONDS": 1}
KINDS = {
    "DOUBLE": FieldKind.FLOAT,
    "BIGINT": FieldKind.INTEGER,
    "VARCHAR": FieldKind.STRING,
    "BOOLEAN": FieldKind.BOOLEAN,
    "TIMESTAMP": FieldKind.TIMESTAMP,
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,20}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_RESERVED = re.compile(r"measure_name|measure_value.*|time|ts_.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Record:
    index: int
    time_ns: int
    version: int
    dimensions: dict[str, str]
    fields: dict[str, tuple[FieldKind, Any]]

    @property
    def shape(self) -> tuple[object, ...]:
        kinds = tuple((name, kind) for name, (kind, _) in self.fields.items())
        return tuple(self.dimensions), kinds


class TimestreamWrite:
    def __init__(self, engine: TimeSeriesEngine) -> None:
        self._engine = engine

    async def write_records(self, request: Mapping[str, Any]) -> dict[str, Any]:
        database, name = text(request, "DatabaseName"), text(request, "TableName")
        table = self._engine.catalog.table(database, name)
        common = request.get("CommonAttributes") or {}
        records = request.get("Records")
        if not isinstance(records, list) or not 1 <= len(records) <= RECORDS_MAX:
            raise ValidationError(f"Records must hold 1-{RECORDS_MAX} records")
        merged = [_merged(common, record, index) for index, record in enumerate(records)]
        refused: list[Refused] = []
        taken: list[_Record] = []
        in_memory = self._memory(table)
        for index, record in enumerate(merged):
            try:
                taken.append(self._record(index, record, table))
            except _RejectedError as error:
                refused.append(Refused(index, str(error)))
        points = tuple(_points(name, group) for group in _by_shape(taken))
        if points:
            write = Write(database, points, versioned=True, makes_tables=False)
            outcome = await asyncio.wrap_future(self._engine.write(write))
            refused += outcome.refused
        if refused:
            raise _rejected_records(refused)
        memory = sum(record.time_ns >= in_memory for record in taken)
        counts = {"Total": len(taken), "MemoryStore": memory, "MagneticStore": len(taken) - memory}
        return {"RecordsIngested": counts}

    def _memory(self, table: Table) -> int:
        """The oldest instant that the memory store holds."""
        return self._engine.clock_ns() - retention_of(table)[0] * 3_600 * 10**9

    def _record(self, index: int, record: Mapping[str, Any], table: Table) -> _Record:
        unit = record.get("TimeUnit", "MILLISECONDS")
        if unit not in _UNITS_NS:
            raise ValidationError(f"record {index}: unknown TimeUnit {unit!r}")
        time = record.get("Time")
        if not isinstance(time, str) or not _WHOLE.fullmatch(time):
            raise ValidationError(f"record {index}: Time must be a whole number, not {time!r}")
        version = record.get("Version", 1)
        if not isinstance(version, int) or not 1 <= version <= _VERSION_MAX:
            raise ValidationError(f"record {index}: Version must be at least 1, not {version!r}")
        time_ns = int(time) * _UNITS_NS[unit]
        self._check_time(time_ns, table)
        measure, fields = _measures(index, record)
        dimensions = {MEASURE_NAME: measure, **record["Dimensions"]}
        return _Record(index, time_ns, version, dimensions, fields)

    def _check_time(self, time_ns: int, table: Table) -> None:
        now_ns = self._engine.clock_ns()
        _, days, magnetic = retention_of(table)
        oldest = now_ns - days * 86_400 * 10**9 if magnetic else self._memory(table)
        oldest = max(oldest, TIME_NS_MIN)
        newest = min(now_ns + _FUTURE_NS_MAX, TIME_NS_MAX)
        if not oldest <= time_ns < newest:
            store = "magnetic" if magnetic else "memory"
            raise _RejectedError(
                f"the record's time {time_ns} ns is outside the range [{oldest}, {newest}) "
                f"of the {store} store"
            )


class _RejectedError(Exception):
    """One record cannot be stored."""


def _merged(common: Mapping[str, Any], record: object, index: int) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValidationError(f"record {index} is not an object")
    shared, own = _dimensions(common, index), _dimensions(record, index)
    both = shared.keys() & own.keys()
    if both:
        raise ValidationError(
            f"record {index}: dimension {min(both)!r} is given in the record and in common"
        )
    dimensions = {**shared, **own}
    if len(dimensions) > DIMENSIONS_MAX:
        raise ValidationError(f"record {index} has more than {DIMENSIONS_MAX} dimensions")
    return {**common, **record, "Dimensions": dimensions}


def _dimensions(record: Mapping[str, Any], index: int) -> dict[str, str]:
    dimensions: dict[str, str] = {}
    for each in record.get("Dimensions") or ():
        name, value = text(each, "Name"), text(each, "Value")
        if _RESERVED.fullmatch(name) or ":" in name:
            raise ValidationError(f"record {index}: the dimension name {name!r} is reserved")
        if name in dimensions:
            raise ValidationError(f"record {index}: dimension {name!r} is given twice")
        dimensions[name] = value
    return dimensions


def _measures(
    index: int, record: Mapping[str, Any]
) -> tuple[str, dict[str, tuple[FieldKind, Any]]]:
    measure = text(record, "MeasureName")
    kind = record.get("MeasureValueType", "DOUBLE")
    if kind != "MULTI":
        if record.get("MeasureValues"):
            raise ValidationError(f"record {index}: MeasureValues needs the type MULTI")
        return measure, {f"measure_value::{kind.lower()}": _value(index, kind, record.get("MeasureValue"))}  # fmt: skip  # noqa: E501  one answer, one line
    if record.get("MeasureValue") is not None:
        raise ValidationError(f"record {index}: a record of type MULTI has no MeasureValue")
    values = record.get("MeasureValues")
    if not isinstance(values, list) or not values:
        raise ValidationError(f"record {index}: a record of type MULTI needs MeasureValues")
    fields: dict[str, tuple[FieldKind, Any]] = {}
    for each in values:
        name = text(each, "Name")
        if name in fields or name in record["Dimensions"]:
            raise ValidationError(f"record {index}: {name!r} is given twice")
        fields[name] = _value(index, text(each, "Type"), each.get("Value"))
    return measure, fields


def _value(index: int, word: str, value: object) -> tuple[FieldKind, Any]:
    kind = KINDS.get(word)
    if kind is None:
        raise ValidationError(f"record {index}: unknown measure value type {word!r}")
    if not isinstance(value, str) or not value:
        raise ValidationError(f"record {index}: a measure value must be a text, not {value!r}")
    if len(value) > VALUE_CHARS_MAX:
        raise _RejectedError(f"the measure value is longer than {VALUE_CHARS_MAX} characters")
    if kind is FieldKind.STRING:
        return kind, value
    if kind is FieldKind.BOOLEAN and value.lower() in {"true", "false"}:
        return kind, value.lower() == "true"
    if kind is FieldKind.FLOAT and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return kind, float(value)
    if kind is FieldKind.INTEGER and _WHOLE.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return kind, int(value)
    if kind is FieldKind.TIMESTAMP and _WHOLE.fullmatch(value):
        time_ns = int(value) * 10**6  # the API counts these in milliseconds
        if TIME_NS_MIN <= time_ns <= TIME_NS_MAX:
            return kind, time_ns
    raise _RejectedError(f"the measure value {value[:64]!r} is not a {word}")


def _by_shape(records: Sequence[_Record]) -> list[list[_Record]]:
    groups: dict[tuple[object, ...], list[_Record]] = {}
    for record in records:
        groups.setdefault(record.shape, []).append(record)
    return list(groups.values())


def _points(table: str, records: Sequence[_Record]) -> Points:
    first = records[0]
    return Points(
        table,
        pa.array([record.time_ns for record in records], pa.int64()),
        {
            name: pa.array([record.dimensions[name] for record in records], pa.string())
            for name in first.dimensions
        },
        {
            name: Field(kind, pa.array([record.fields[name][1] for record in records], kind.arrow))
            for name, (kind, _) in first.fields.items()
        },
        pa.array([record.index for record in records], pa.int64()),
        pa.array([record.version for record in records], pa.int64()),
    )


def _rejected_records(refused: Sequence[Refused]) -> TimestreamError:
    records: list[dict[str, Any]] = []
    for each in sorted(refused, key=lambda each: each.position):
        record: dict[str, Any] = {"RecordIndex": each.position, "Reason": each.reason}
        if each.existing_version is not None:
            record["ExistingVersion"] = each.existing_version
        records.append(record)
    return TimestreamError(
        "RejectedRecordsException",
        "One or more records have been rejected. See RejectedRecords for details.",
        details={"RejectedRecords": records},
    )
