"""Decide which points of a write fit the tables, and how the tables must grow for them.

Pure: takes a catalogue and a write, gives back what to make, what to store and what to
refuse. A field keeps the type of its first point; a point that brings another is refused
and the rest of its write is stored, unless the write asked for all or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidelocal.timeseries.errors import NameRefusedError
from tidelocal.timeseries.points import FieldKind, Points, Refused
from tidelocal.timeseries.schema import Catalog, Column, Database, Table

_INFLUX_KINDS = {
    FieldKind.FLOAT: "field::float",
    FieldKind.INTEGER: "field::integer",
    FieldKind.UNSIGNED: "field::uinteger",
    FieldKind.BOOLEAN: "field::boolean",
    FieldKind.STRING: "field::string",
    FieldKind.TIMESTAMP: "field::timestamp",
    None: "tag",
}


@dataclass(frozen=True, slots=True)
class Write:
    """One request: points for one database.

    `versioned`: a point of a known key replaces it only with a higher version. Otherwise
    the fields it brings replace those of the key one by one and the others stay.
    """

    database: str
    points: tuple[Points, ...]
    all_or_nothing: bool = False
    versioned: bool = False
    makes_tables: bool = True

    @property
    def rows(self) -> int:
        return sum(map(len, self.points))


@dataclass(frozen=True, slots=True)
class Admission:
    """`catalog` is the one the write needs; `points` are those that fit it."""

    catalog: Catalog
    points: tuple[Points, ...]
    refused: tuple[Refused, ...]


def admit(catalog: Catalog, write: Write) -> Admission:
    """Raises NameRefusedError or NotFoundError when the database cannot take the write."""
    before = catalog
    if write.database not in catalog.databases and write.makes_tables:
        catalog.check_new_database(write.database)
        catalog = catalog.with_database(Database(write.database))
    fitting: list[Points] = []
    refused: list[Refused] = []
    for points in write.points:
        try:
            catalog = _fit(catalog, write, points)
        except NameRefusedError as error:
            refused += [Refused(position, str(error)) for position in points.positions.to_pylist()]
        else:
            fitting.append(points)
    if refused and write.all_or_nothing:
        return Admission(before, (), tuple(refused))
    return Admission(catalog, tuple(fitting), tuple(refused))


def _fit(catalog: Catalog, write: Write, points: Points) -> Catalog:
    if points.table not in catalog.database(write.database).tables and write.makes_tables:
        catalog.check_new_table(write.database, points.table)
        catalog = catalog.with_table(Table(write.database, points.table))
    table = catalog.table(write.database, points.table)
    grown = _grown(table, [(name, None) for name in points.tags])
    grown = _grown(grown, [(name, field.kind) for name, field in points.fields.items()])
    if write.versioned and not grown.versioned:
        grown = replace(grown, versioned=True)
    return catalog if grown is table else catalog.with_table(grown)


def _grown(table: Table, wanted: Sequence[tuple[str, FieldKind | None]]) -> Table:
    for name, kind in wanted:
        column = table.columns.get(name)
        if column is None:
            table = table.with_column(Column(name, kind))
        elif column.kind is not kind:
            raise NameRefusedError(
                f"invalid column type for column {name!r}, "
                f"expected iox::column_type::{_INFLUX_KINDS[column.kind]}, "
                f"got iox::column_type::{_INFLUX_KINDS[kind]}"
            )
    return table
