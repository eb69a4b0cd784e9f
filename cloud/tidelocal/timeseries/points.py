"""Rows on their way into the store: many points of one shape, column by column."""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class FieldKind(StrEnum):
    """The type a field keeps for its life."""

    FLOAT = "float"
    INTEGER = "integer"
    UNSIGNED = "unsigned"
    BOOLEAN = "boolean"
    STRING = "string"
    TIMESTAMP = "timestamp"

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW_TYPES[self]

    @property
    def sql(self) -> str:
        return _SQL_TYPES[self]


_ARROW_TYPES = {
    FieldKind.FLOAT: pa.float64(),
    FieldKind.INTEGER: pa.int64(),
    FieldKind.UNSIGNED: pa.uint64(),
    FieldKind.BOOLEAN: pa.bool_(),
    FieldKind.STRING: pa.string(),
    FieldKind.TIMESTAMP: pa.timestamp("ns"),
}
_SQL_TYPES = {
    FieldKind.FLOAT: "DOUBLE",
    FieldKind.INTEGER: "BIGINT",
    FieldKind.UNSIGNED: "UBIGINT",
    FieldKind.BOOLEAN: "BOOLEAN",
    FieldKind.STRING: "VARCHAR",
    FieldKind.TIMESTAMP: "TIMESTAMP_NS",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of every point: its type and a value each, none missing."""

    kind: FieldKind
    values: pa.Array


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one table that carry the same tags and the same fields.

    `times_ns` is int64 (epoch nanoseconds, UTC); `positions` is int64 and says where in the
    request each point came from (a line or a record number): of two points of one key the
    one with the higher position is the later. `versions` is given for versioned writes.
    """

    table: str
    times_ns: pa.Array
    tags: dict[str, pa.Array]
    fields: dict[str, Field]
    positions: pa.Array
    versions: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.times_ns)


@dataclass(frozen=True, slots=True)
class Refused:
    """One point that was not stored."""

    position: int
    reason: str
    existing_version: int | None = None


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of one write once it was durable."""

    stored: int
    refused: tuple[Refused, ...]
