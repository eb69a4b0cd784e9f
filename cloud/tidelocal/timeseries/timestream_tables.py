"""Timestream's control plane: databases and tables, kept in the engine's catalogue."""

from collections.abc import Mapping
from typing import Any

from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.schema import Database, Table
from tidelocal.timeseries.timestream_error import ValidationError, text

MEMORY_HOURS_DEFAULT, MEMORY_HOURS_MAX = 6, 8766
MAGNETIC_DAYS_DEFAULT, MAGNETIC_DAYS_MAX = 73000, 73000
_LIST_MAX = 20


class TimestreamTables:
    def __init__(self, engine: TimeSeriesEngine, *, region: str, account: str) -> None:
        self._engine = engine
        self._arn = f"arn:aws:timestream:{region}:{account}:database/"

    async def create_database(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = text(request, "DatabaseName")
        properties = {**self._now("created_at_ms"), "kms_key_id": request.get("KmsKeyId", "")}
        made = await self._engine.change_async(
            lambda definition: definition.create_database(name, properties)
        )
        return {"Database": self._database(made)}

    async def describe_database(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found = self._engine.catalog.database(text(request, "DatabaseName"))
        return {"Database": self._database(found)}

    async def update_database(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name, key = text(request, "DatabaseName"), text(request, "KmsKeyId")
        old = self._engine.catalog.database(name).properties
        properties = {**old, "kms_key_id": key, **self._now("updated_at_ms")}
        changed = await self._engine.change_async(
            lambda definition: definition.set_database_properties(name, properties)
        )
        return {"Database": self._database(changed)}

    async def delete_database(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = text(request, "DatabaseName")
        if self._engine.catalog.database(name).tables:
            raise ValidationError(f"database {name!r} still has tables; delete them first")
        await self._engine.change_async(lambda definition: definition.drop_database(name))
        return {}

    async def list_databases(self, request: Mapping[str, Any]) -> dict[str, Any]:
        databases = self._engine.catalog.databases
        names, after = _page(sorted(databases), request)
        return {"Databases": [self._database(databases[name]) for name in names], **after}

    async def create_table(self, request: Mapping[str, Any]) -> dict[str, Any]:
        database, name = text(request, "DatabaseName"), text(request, "TableName")
        properties = {**self._now("created_at_ms"), **_retention(request, {})}
        made = await self._engine.change_async(
            lambda definition: definition.create_table(
                database, name, versioned=True, properties=properties
            )
        )
        return {"Table": self._table(made)}

    async def describe_table(self, request: Mapping[str, Any]) -> dict[str, Any]:
        names = text(request, "DatabaseName"), text(request, "TableName")
        return {"Table": self._table(self._engine.catalog.table(*names))}

    async def update_table(self, request: Mapping[str, Any]) -> dict[str, Any]:
        database, name = text(request, "DatabaseName"), text(request, "TableName")
        old = self._engine.catalog.table(database, name).properties
        properties = {**old, **_retention(request, old), **self._now("updated_at_ms")}
        changed = await self._engine.change_async(
            lambda definition: definition.set_table_properties(database, name, properties)
        )
        return {"Table": self._table(changed)}

    async def delete_table(self, request: Mapping[str, Any]) -> dict[str, Any]:
        names = text(request, "DatabaseName"), text(request, "TableName")
        await self._engine.change_async(lambda definition: definition.drop_table(*names))
        return {}

    async def list_tables(self, request: Mapping[str, Any]) -> dict[str, Any]:
        catalog = self._engine.catalog
        wanted = request.get("DatabaseName")
        names = [wanted] if wanted else sorted(catalog.databases)
        tables = {
            f"{name}/{table.name}": table
            for name in names
            for table in catalog.database(name).tables.values()
        }
        keys, after = _page(sorted(tables), request)
        return {"Tables": [self._table(tables[key]) for key in keys], **after}

    def _now(self, name: str) -> dict[str, object]:
        return {name: self._engine.clock_ns() // 1_000_000}

    def _database(self, database: Database) -> dict[str, Any]:
        return {
            "Arn": self._arn + database.name,
            "DatabaseName": database.name,
            "TableCount": len(database.tables),
            "KmsKeyId": database.properties.get("kms_key_id", ""),
            **_times(database.properties),
        }

    def _table(self, table: Table) -> dict[str, Any]:
        memory_hours, magnetic_days, magnetic = retention_of(table)
        return {
            "Arn": f"{self._arn}{table.database}/table/{table.name}",
            "DatabaseName": table.database,
            "TableName": table.name,
            "TableStatus": "ACTIVE",
            "RetentionProperties": {
                "MemoryStoreRetentionPeriodInHours": memory_hours,
                "MagneticStoreRetentionPeriodInDays": magnetic_days,
            },
            "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": magnetic},
            "Schema": {"CompositePartitionKey": [{"Type": "MEASURE"}]},
            **_times(table.properties),
        }


def retention_of(table: Table) -> tuple[int, int, bool]:
    """Hours in memory, days on disk, and whether late records go to disk."""
    properties: Mapping[str, Any] = table.properties
    return (
        properties.get("memory_hours", MEMORY_HOURS_DEFAULT),
        properties.get("magnetic_days", MAGNETIC_DAYS_DEFAULT),
        # A table that InfluxDB writes made takes every time, as it does there.
        properties.get("magnetic_writes", "memory_hours" not in properties),
    )


def _retention(request: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, object]:
    asked = request.get("RetentionProperties") or {}
    magnetic = request.get("MagneticStoreWriteProperties")
    hours = asked.get(
        "MemoryStoreRetentionPeriodInHours", old.get("memory_hours", MEMORY_HOURS_DEFAULT)
    )
    days = asked.get(
        "MagneticStoreRetentionPeriodInDays", old.get("magnetic_days", MAGNETIC_DAYS_DEFAULT)
    )
    if not isinstance(hours, int) or not 1 <= hours <= MEMORY_HOURS_MAX:
        raise ValidationError(f"MemoryStoreRetentionPeriodInHours must be 1-{MEMORY_HOURS_MAX}")
    if not isinstance(days, int) or not 1 <= days <= MAGNETIC_DAYS_MAX:
        raise ValidationError(f"MagneticStoreRetentionPeriodInDays must be 1-{MAGNETIC_DAYS_MAX}")
    writes = old.get("magnetic_writes", False)
    if magnetic is not None:
        writes = magnetic.get("EnableMagneticStoreWrites") is True
    return {"memory_hours": hours, "magnetic_days": days, "magnetic_writes": writes}


def _times(properties: Mapping[str, Any]) -> dict[str, float]:
    created_at_ms = properties.get("created_at_ms", 0)
    updated_at_ms = properties.get("updated_at_ms", created_at_ms)
    return {"CreationTime": created_at_ms / 1000, "LastUpdatedTime": updated_at_ms / 1000}


def _page(names: list[str], request: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    limit = request.get("MaxResults") or _LIST_MAX
    if not isinstance(limit, int) or not 1 <= limit <= _LIST_MAX:
        raise ValidationError(f"MaxResults must be 1-{_LIST_MAX}")
    token = request.get("NextToken")
    if token:
        names = [name for name in names if name > token]
    page = names[:limit]
    return page, ({"NextToken": page[-1]} if len(names) > limit else {})
