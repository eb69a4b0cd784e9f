"""Change what there is: databases, tables, columns, within the writer's transaction."""

from dataclasses import replace

import duckdb
import orjson

from tidelocal.timeseries.schema import (
    VERSION_COLUMN,
    Catalog,
    Column,
    Database,
    Table,
    quoted,
    schema_name,
)


class Definition:
    """A draft of the catalogue; its changes are real once the transaction commits."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        self.connection = connection
        self.catalog = catalog

    def create_database(self, name: str, properties: dict[str, object]) -> Database:
        """Raises ConflictError or NameRefusedError."""
        self.catalog.check_new_database(name)
        database = Database(name, properties=properties)
        self.connection.execute(f"CREATE SCHEMA {quoted(schema_name(name))}")
        self.connection.execute(
            "INSERT INTO main.databases VALUES (?, ?)", [name, _json(properties)]
        )
        self.catalog = self.catalog.with_database(database)
        return database

    def ensure_database(self, name: str) -> None:
        if name not in self.catalog.databases:
            self.create_database(name, {})

    def set_database_properties(self, name: str, properties: dict[str, object]) -> Database:
        """Raises NotFoundError."""
        database = replace(self.catalog.database(name), properties=properties)
        self.connection.execute(
            "UPDATE main.databases SET properties = ? WHERE name = ?", [_json(properties), name]
        )
        self.catalog = self.catalog.with_database(database)
        return database

    def drop_database(self, name: str) -> None:
        """Drop it with all its tables. Raises NotFoundError."""
        self.catalog.database(name)
        self.connection.execute(f"DROP SCHEMA {quoted(schema_name(name))} CASCADE")
        for statement in (
            "DELETE FROM main.databases WHERE name = ?",
            'DELETE FROM main.tables WHERE "database" = ?',
            'DELETE FROM main.columns WHERE "database" = ?',
        ):
            self.connection.execute(statement, [name])
        self.catalog = self.catalog.without_database(name)

    def create_table(
        self, database: str, name: str, *, versioned: bool, properties: dict[str, object]
    ) -> Table:
        """Raises NotFoundError, ConflictError or NameRefusedError."""
        self.catalog.check_new_table(database, name)
        table = Table(database, name, {}, versioned, properties)
        version = f", {quoted(VERSION_COLUMN)} BIGINT" if versioned else ""
        self.connection.execute(f"CREATE TABLE {table.sql_name} (time TIMESTAMP_NS{version})")
        self.connection.execute(
            "INSERT INTO main.tables VALUES (?, ?, ?, ?)",
            [database, name, versioned, _json(properties)],
        )
        self.catalog = self.catalog.with_table(table)
        return table

    def set_table_properties(
        self, database: str, name: str, properties: dict[str, object]
    ) -> Table:
        """Raises NotFoundError."""
        table = replace(self.catalog.table(database, name), properties=properties)
        self.connection.execute(
            'UPDATE main.tables SET properties = ? WHERE "database" = ? AND name = ?',
            [_json(properties), database, name],
        )
        self.catalog = self.catalog.with_table(table)
        return table

    def drop_table(self, database: str, name: str) -> None:
        """Raises NotFoundError."""
        table = self.catalog.table(database, name)
        self.connection.execute(f"DROP TABLE {table.sql_name}")
        for statement in (
            'DELETE FROM main.tables WHERE "database" = ? AND name = ?',
            'DELETE FROM main.columns WHERE "database" = ? AND "table" = ?',
        ):
            self.connection.execute(statement, [database, name])
        self.catalog = self.catalog.without_table(database, name)

    def become(self, catalog: Catalog) -> None:
        """Make what `catalog` has more than the draft: databases, tables, columns."""
        if catalog is self.catalog:
            return
        for database in catalog.databases.values():
            if database is self.catalog.databases.get(database.name):
                continue
            if database.name not in self.catalog.databases:
                self.create_database(database.name, database.properties)
            for table in database.tables.values():
                self._grow(table)
        self.catalog = catalog

    def _grow(self, table: Table) -> None:
        tables = self.catalog.database(table.database).tables
        if table is tables.get(table.name):
            return
        old = tables.get(table.name) or self.create_table(
            table.database, table.name, versioned=table.versioned, properties=table.properties
        )
        if table.versioned and not old.versioned:
            self._add_version(table)
        for ordinal, column in enumerate(table.columns.values()):
            if column.name not in old.columns:
                self._add_column(table, column, ordinal)

    def _add_version(self, table: Table) -> None:
        self.connection.execute(
            f"ALTER TABLE {table.sql_name} ADD COLUMN {quoted(VERSION_COLUMN)} BIGINT"
        )
        self.connection.execute(
            'UPDATE main.tables SET versioned = true WHERE "database" = ? AND name = ?',
            [table.database, table.name],
        )

    def _add_column(self, table: Table, column: Column, ordinal: int) -> None:
        self.connection.execute(
            f"ALTER TABLE {table.sql_name} ADD COLUMN {quoted(column.name)} {column.sql_type}"
        )
        self.connection.execute(
            "INSERT INTO main.columns VALUES (?, ?, ?, ?, ?)",
            [
                table.database,
                table.name,
                column.name,
                "tag" if column.kind is None else column.kind.value,
                ordinal,
            ],
        )


def _json(properties: dict[str, object]) -> str:
    return orjson.dumps(properties).decode()
