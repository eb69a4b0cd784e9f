"""Bring admitted points into one table so that a key is stored once.

The natural key is time and all tags; an absent tag is NULL and part of the key. There is no
index: the join on time lets DuckDB skip the row groups outside the batch, which keeps a
MERGE near the speed of an append and the file small.
"""

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tidelocal.timeseries.points import Points
from tidelocal.timeseries.schema import VERSION_COLUMN, Table, quoted

_STAGE = "tidegauge_stage"
_SEQUENCE = "tidegauge_sequence"  # orders the staged points; the later one wins
_TIME = quoted("time")
_VERSION = quoted(VERSION_COLUMN)


class Stage:
    """Points of one table, gathered from several writes and merged at once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._parts: list[pa.Table] = []

    def add(self, points: Points, sequence_base: int) -> None:
        """Sequence numbers are the points' positions over `sequence_base`."""
        columns = {
            "time": points.times_ns.cast(pa.timestamp("ns")),
            _SEQUENCE: pc.add(points.positions, sequence_base),
            **points.tags,
            **{name: field.values for name, field in points.fields.items()},
        }
        if points.versions is not None:
            columns[VERSION_COLUMN] = points.versions
        self._parts.append(pa.table(columns))

    def merge(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Store the points; of one key, each field keeps the last value that was given."""
        rows = self._rows()
        tags, fields = self._split(rows)
        keys = ", ".join([_TIME, *map(quoted, tags)])
        values = "".join(
            f", arg_max({quoted(name)}, {quoted(_SEQUENCE)}) AS {quoted(name)}" for name in fields
        )
        with _Registered(connection, rows):
            connection.execute(
                f"MERGE INTO {self.table.sql_name} AS t "  # noqa: S608 - names are quoted
                f"USING (SELECT {keys}{values} FROM {_STAGE} GROUP BY {keys}) AS s "
                f"ON {self._same_key(rows, tags)} "
                f"WHEN MATCHED AND ({_any_differs(fields)}) THEN UPDATE SET {_replace(fields)} "
                f"WHEN NOT MATCHED THEN {_insert([*tags, *fields])}"
            )

    def merge_versioned(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
        """Store the points that are new, or of a higher version than the key's.

        Gives back (sequence number, existing version) of the points refused: another value
        under a version that is not higher. The same value again is no error.
        """
        refused: list[tuple[int, int]] = []
        rows = self._rows()
        for occurrence in self._rounds(connection, rows):
            refused += self._merge_round(connection, occurrence)
        return refused

    def _merge_round(
        self, connection: duckdb.DuckDBPyConnection, rows: pa.Table
    ) -> list[tuple[int, int]]:
        tags, fields = self._split(rows)
        same_key = self._same_key(rows, tags)
        newer = f"s.{_VERSION} > coalesce(t.{_VERSION}, 0)"
        with _Registered(connection, rows):
            refused: list[tuple[int, int]] = connection.execute(
                f"SELECT s.{quoted(_SEQUENCE)}, coalesce(t.{_VERSION}, 0) "  # noqa: S608 - quoted
                f"FROM {_STAGE} AS s JOIN {self.table.sql_name} AS t ON {same_key} "
                f"WHERE NOT ({newer}) AND ({_any_differs(fields)})"
            ).fetchall()
        if refused:
            away = pa.array([sequence for sequence, _ in refused], pa.int64())
            rows = rows.filter(pc.invert(pc.is_in(rows[_SEQUENCE], value_set=away)))
        changes = _replace([*fields, VERSION_COLUMN])
        with _Registered(connection, rows):
            connection.execute(
                f"MERGE INTO {self.table.sql_name} AS t USING {_STAGE} AS s ON {same_key} "
                f"WHEN MATCHED AND {newer} THEN UPDATE SET {changes} "
                f"WHEN NOT MATCHED THEN {_insert([*tags, *fields, VERSION_COLUMN])}"
            )
        return refused

    def _rounds(self, connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> list[pa.Table]:
        """Split `rows` so that no round holds a key twice, in the order they came."""
        tags, _ = self._split(rows)
        keys = ", ".join([_TIME, *map(quoted, tags)])
        with _Registered(connection, rows):
            numbered = connection.sql(
                f"SELECT *, row_number() OVER (PARTITION BY {keys} "  # noqa: S608 - quoted
                f"ORDER BY {quoted(_SEQUENCE)}) AS occurrence FROM {_STAGE}"
            ).to_arrow_table()
        occurrence = numbered["occurrence"]
        last = pc.max(occurrence).as_py() or 0
        numbered = numbered.drop_columns("occurrence")
        return [numbered.filter(pc.equal(occurrence, number + 1)) for number in range(last)]

    def _rows(self) -> pa.Table:
        return pa.concat_tables(self._parts, promote_options="default").combine_chunks()

    def _split(self, rows: pa.Table) -> tuple[list[str], list[str]]:
        hidden = {"time", _SEQUENCE, VERSION_COLUMN}
        names = [name for name in rows.column_names if name not in hidden]
        columns = self.table.columns
        return (
            [name for name in names if columns[name].is_tag],
            [name for name in names if not columns[name].is_tag],
        )

    def _same_key(self, rows: pa.Table, tags: Sequence[str]) -> str:
        bounds = pc.min_max(rows["time"].cast(pa.int64()))
        first, last = (f"make_timestamp_ns({bounds[end].as_py()})" for end in ("min", "max"))
        terms = [f"t.{_TIME} = s.{_TIME}", f"t.{_TIME} BETWEEN {first} AND {last}"]
        terms += [f"t.{quoted(tag)} IS NOT DISTINCT FROM s.{quoted(tag)}" for tag in tags]
        terms += [f"t.{quoted(tag)} IS NULL" for tag in self.table.tags if tag not in tags]
        return " AND ".join(terms)


class _Registered:
    """`rows` visible to one connection as a view, for the length of a `with`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
        self._connection, self._rows = connection, rows

    def __enter__(self) -> None:
        self._connection.register(_STAGE, self._rows)

    def __exit__(self, *_: object) -> None:
        self._connection.unregister(_STAGE)


def _any_differs(fields: Sequence[str]) -> str:
    tests = [
        f"(s.{quoted(name)} IS NOT NULL AND s.{quoted(name)} IS DISTINCT FROM t.{quoted(name)})"
        for name in fields
    ]
    return " OR ".join(tests) or "false"


def _replace(names: Sequence[str]) -> str:
    return ", ".join(
        f"{quoted(name)} = coalesce(s.{quoted(name)}, t.{quoted(name)})" for name in names
    )


def _insert(names: Sequence[str]) -> str:
    columns = [_TIME, *map(quoted, names)]
    given = ", ".join("s." + name for name in columns)
    return f"INSERT ({', '.join(columns)}) VALUES ({given})"  # noqa: S608 - names are quoted
