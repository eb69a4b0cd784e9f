"""What databases, tables and columns there are; an immutable value, replaced by each change.

The catalogue lives in three tables of DuckDB's own schema `main` and changes in the same
transaction as the data it describes. Names are kept as they were given; because DuckDB
does not tell `Temp` from `temp`, a name that differs from an older one by case alone is
refused rather than mixed up with it.
"""

import re
from dataclasses import dataclass, field, replace

import duckdb
import orjson

from tidelocal.timeseries.errors import ConflictError, NameRefusedError, NotFoundError
from tidelocal.timeseries.points import FieldKind

DATABASES_MAX = 256
TABLES_MAX = 4096  # a database; each is a table of DuckDB
COLUMNS_MAX = 500  # InfluxDB 3 Core takes 500 columns a table, time included
VERSION_COLUMN = "tidegauge_version"  # of versioned tables; never shown
_RESERVED = frozenset({"time", VERSION_COLUMN})
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,255}")
_NAME_BYTES_MAX = 256


@dataclass(frozen=True, slots=True)
class Column:
    """A tag (`kind` is None) or a field of a table."""

    name: str
    kind: FieldKind | None

    @property
    def is_tag(self) -> bool:
        return self.kind is None

    @property
    def sql_type(self) -> str:
        return "VARCHAR" if self.kind is None else self.kind.sql


@dataclass(frozen=True, slots=True)
class Table:
    """One measurement; `properties` are what a face of the store keeps with it."""

    database: str
    name: str
    columns: dict[str, Column] = field(default_factory=dict)  # in the order they came
    versioned: bool = False
    properties: dict[str, object] = field(default_factory=dict)

    @property
    def sql_name(self) -> str:
        return f"{quoted(schema_name(self.database))}.{quoted(self.name)}"

    @property
    def tags(self) -> list[str]:
        return [column.name for column in self.columns.values() if column.is_tag]

    def with_column(self, column: Column) -> "Table":
        """Raises NameRefusedError for a name this table cannot take."""
        check_name("column", column.name)
        folded = column.name.casefold()
        if folded in _RESERVED:
            raise NameRefusedError(f"the column name {column.name!r} is reserved")
        for name in self.columns:
            if name.casefold() == folded:
                raise NameRefusedError(f"column {column.name!r} differs from {name!r} by case only")
        if len(self.columns) + 2 > COLUMNS_MAX:
            raise NameRefusedError(f"table {self.name!r} would exceed {COLUMNS_MAX} columns")
        return replace(self, columns={**self.columns, column.name: column})


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    tables: dict[str, Table] = field(default_factory=dict)
    properties: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    databases: dict[str, Database] = field(default_factory=dict)

    def database(self, name: str) -> Database:
        """Raises NotFoundError."""
        found = self.databases.get(name)
        if found is None:
            raise NotFoundError(f"database {name!r} not found")
        return found

    def table(self, database: str, name: str) -> Table:
        """Raises NotFoundError."""
        found = self.database(database).tables.get(name)
        if found is None:
            raise NotFoundError(f"table {name!r} not found in database {database!r}")
        return found

    def with_database(self, database: Database) -> "Catalog":
        return Catalog({**self.databases, database.name: database})

    def without_database(self, name: str) -> "Catalog":
        return Catalog({n: d for n, d in self.databases.items() if n != name})

    def with_table(self, table: Table) -> "Catalog":
        database = self.database(table.database)
        return self.with_database(replace(database, tables={**database.tables, table.name: table}))

    def without_table(self, database: str, name: str) -> "Catalog":
        old = self.database(database)
        return self.with_database(
            replace(old, tables={n: t for n, t in old.tables.items() if n != name})
        )

    def check_new_database(self, name: str) -> None:
        """Raises ConflictError or NameRefusedError when `name` cannot be made."""
        if name in self.databases:
            raise ConflictError(f"database {name!r} already exists")
        if not _DATABASE_NAME.fullmatch(name):
            raise NameRefusedError(
                f"database name {name!r} is not 1-256 letters, digits or any of _./-"
            )
        if any(name.casefold() == other.casefold() for other in self.databases):
            raise NameRefusedError(f"database {name!r} differs from another by case only")
        if len(self.databases) >= DATABASES_MAX:
            raise NameRefusedError(f"there are already {DATABASES_MAX} databases")

    def check_new_table(self, database: str, name: str) -> None:
        """Raises NotFoundError, ConflictError or NameRefusedError."""
        tables = self.database(database).tables
        if name in tables:
            raise ConflictError(f"table {name!r} already exists in database {database!r}")
        check_name("table", name)
        if any(name.casefold() == other.casefold() for other in tables):
            raise NameRefusedError(f"table {name!r} differs from another by case only")
        if len(tables) >= TABLES_MAX:
            raise NameRefusedError(f"database {database!r} already has {TABLES_MAX} tables")


def check_name(what: str, name: str) -> None:
    """Raises NameRefusedError for what no table or column may be called."""
    if not name or len(name.encode()) > _NAME_BYTES_MAX:
        raise NameRefusedError(f"the {what} name must have 1-{_NAME_BYTES_MAX} bytes")
    if any(ord(character) < ord(" ") for character in name):
        raise NameRefusedError(f"the {what} name {name!r} holds a control character")


def schema_name(database: str) -> str:
    """The DuckDB schema of a database; the prefix keeps it clear of DuckDB's own."""
    return "db:" + database


def quoted(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def load(connection: duckdb.DuckDBPyConnection) -> Catalog:
    """Read the catalogue of an opened store, making its tables when it is new."""
    connection.execute(_MAKE)
    databases: dict[str, Database] = {}
    for name, properties in connection.execute(
        "SELECT name, properties FROM main.databases"
    ).fetchall():
        databases[name] = Database(name, properties=orjson.loads(properties))
    for database, name, versioned, properties in connection.execute(
        'SELECT "database", name, versioned, properties FROM main.tables'
    ).fetchall():
        databases[database].tables[name] = Table(
            database, name, {}, versioned, orjson.loads(properties)
        )
    for database, table, name, kind in connection.execute(
        'SELECT "database", "table", name, kind FROM main.columns ORDER BY ordinal'
    ).fetchall():
        column = Column(name, None if kind == "tag" else FieldKind(kind))
        databases[database].tables[table].columns[name] = column
    return Catalog(databases)


_MAKE = """
CREATE TABLE IF NOT EXISTS main.databases (name VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS main.tables
    ("database" VARCHAR, name VARCHAR, versioned BOOLEAN, properties VARCHAR);
CREATE TABLE IF NOT EXISTS main.columns
    ("database" VARCHAR, "table" VARCHAR, name VARCHAR, kind VARCHAR, ordinal BIGINT);
"""
