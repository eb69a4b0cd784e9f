"""Query and CancelQuery: statements, their pages, and the shape of their answers.

Flow: QueryString -> timestream_sql | catalogue -> engine -> pages of at most 1000 rows
Bounded: `_PAGED_MAX` answers with pages left are kept; the oldest gives way, and its token
is then refused.
"""

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidelocal.timeseries import timestream_sql
from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.errors import NotFoundError
from tidelocal.timeseries.points import FieldKind
from tidelocal.timeseries.reader import Running
from tidelocal.timeseries.schema import Column, Table, quoted
from tidelocal.timeseries.timestream_answer import column_info, data_rows
from tidelocal.timeseries.timestream_error import ValidationError, text
from tidelocal.timeseries.timestream_write import KINDS

PAGE_ROWS_MAX = 1000
ROWS_MAX = 200_000  # of one answer, over all its pages
_PAGED_MAX = 64
_ANSWER_WITHIN_S = 5.0  # then an empty page is sent, so that the caller learns the QueryId
_NAME = r'("(?:[^"]|"")+"|\w[\w.-]*)'
_SHOW_DATABASES = re.compile(r"\s*SHOW\s+(?:DATABASES|SCHEMAS)\s*;?\s*", re.I)
_SHOW_TABLES = re.compile(rf"\s*SHOW\s+TABLES\s+(?:FROM|IN)\s+{_NAME}\s*;?\s*", re.I)
_OF_TABLE = r'("(?:[^"]|"")+"|\w+)\s*\.\s*("(?:[^"]|"")+"|\w+)'
_SHOW_MEASURES = re.compile(rf"\s*SHOW\s+MEASURES\s+(?:FROM|IN)\s+{_OF_TABLE}\s*;?\s*", re.I)
_DESCRIBE = re.compile(rf"\s*DESC(?:RIBE)?\s+{_OF_TABLE}\s*;?\s*", re.I)
_TYPE_NAMES = {kind: word.lower() for word, kind in KINDS.items()}
_DIMENSIONS = pa.list_(pa.struct([("dimension_name", pa.string()), ("data_type", pa.string())]))


@dataclass(slots=True)
class _Open:
    """An answer that is not delivered whole: still running, or rows from `at` on left."""

    running: Running
    at: int = 0


class TimestreamQuery:
    def __init__(self, engine: TimeSeriesEngine) -> None:
        self._engine = engine
        self._open: OrderedDict[str, _Open] = OrderedDict()

    async def query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        statement = text(request, "QueryString")
        rows_max = request.get("MaxRows", PAGE_ROWS_MAX)
        if not isinstance(rows_max, int) or not 1 <= rows_max <= PAGE_ROWS_MAX:
            raise ValidationError(f"MaxRows must be 1-{PAGE_ROWS_MAX}, not {rows_max!r}")
        token = request.get("NextToken")
        if token:
            query_id, _, at = token.partition(".")
            open_ = self._open.get(query_id)
            if open_ is None or not at.isdigit():
                raise ValidationError("NextToken is not known, or its answer was given up")
            open_.at = int(at)
            return await self._page(query_id, open_, rows_max)
        try:
            return await self._first_page(statement, rows_max)
        except NotFoundError as error:  # the query service has no error of its own for it
            raise ValidationError(str(error)) from None

    async def _first_page(self, statement: str, rows_max: int) -> dict[str, Any]:
        listed = await self._listed(statement)
        query_id = secrets.token_hex(16).upper()
        if listed is not None:
            return _result(query_id, listed)
        engine = self._engine
        sql = await asyncio.wrap_future(
            engine.in_background(
                lambda: timestream_sql.translate(
                    statement,
                    catalog=engine.catalog,
                    functions=engine.functions,
                    now_ns=engine.clock_ns(),
                )
            )
        )
        open_ = _Open(engine.query(sql, rows_max=ROWS_MAX))
        self._keep(query_id, open_)
        return await self._page(query_id, open_, rows_max)

    async def cancel(self, request: Mapping[str, Any]) -> dict[str, Any]:
        query_id = text(request, "QueryId")
        open_ = self._open.pop(query_id, None)
        if open_ is None:
            raise ValidationError(f"query {query_id!r} is not running")
        open_.running.cancel()
        return {"CancellationMessage": f"Query {query_id} has been cancelled"}

    async def _page(self, query_id: str, open_: _Open, rows_max: int) -> dict[str, Any]:
        future = asyncio.wrap_future(open_.running.future)
        done, _ = await asyncio.wait([future], timeout=_ANSWER_WITHIN_S)
        if not done:
            return {**_result(query_id, pa.table({})), "NextToken": f"{query_id}.{open_.at}"}
        try:
            answer = future.result()
        except BaseException:
            self._open.pop(query_id, None)
            raise
        if answer.truncated:
            self._open.pop(query_id, None)
            raise ValidationError(f"the answer has more than {ROWS_MAX} rows; ask for less")
        end = open_.at + rows_max
        result = _result(query_id, answer.rows.slice(open_.at, rows_max))
        if end < answer.rows.num_rows:
            return {**result, "NextToken": f"{query_id}.{end}"}
        # Kept until others push it out: a caller that lost the last page may ask again.
        return result

    def _keep(self, query_id: str, open_: _Open) -> None:
        self._open[query_id] = open_
        while len(self._open) > _PAGED_MAX:
            _, oldest = self._open.popitem(last=False)
            oldest.running.cancel()

    async def _listed(self, statement: str) -> pa.Table | None:
        """The answer of a SHOW or DESCRIBE, None for any other statement."""
        catalog = self._engine.catalog
        if _SHOW_DATABASES.fullmatch(statement):
            return pa.table({"Database": pa.array(sorted(catalog.databases), pa.string())})
        if found := _SHOW_TABLES.fullmatch(statement):
            tables = catalog.database(_plain(found[1])).tables
            return pa.table({"Table": pa.array(sorted(tables), pa.string())})
        if found := _DESCRIBE.fullmatch(statement):
            return _described(catalog.table(_plain(found[1]), _plain(found[2])))
        if found := _SHOW_MEASURES.fullmatch(statement):
            return await self._measures(catalog.table(_plain(found[1]), _plain(found[2])))
        return None

    async def _measures(self, table: Table) -> pa.Table:
        singles = [name for name in table.columns if name.startswith("measure_value::")]
        names: list[str] = []
        kinds: list[str] = []
        if "measure_name" in table.columns:
            has = "".join(f", bool_or({quoted(name)} IS NOT NULL)" for name in singles)
            running = self._engine.query(
                f"SELECT measure_name{has} "  # noqa: S608 - names are quoted
                f"FROM {table.sql_name} GROUP BY 1 ORDER BY 1"
            )
            answer = await asyncio.wrap_future(running.future)
            for name, *present in zip(*answer.rows.to_pydict().values(), strict=True):
                of = [single for single, has_it in zip(singles, present, strict=True) if has_it]
                for kind in [single.partition("::")[2] for single in of] or ["multi"]:
                    names.append(name)
                    kinds.append(kind)
        dimensions = [
            {"dimension_name": tag, "data_type": "varchar"}
            for tag in table.tags
            if tag != "measure_name"
        ]
        return pa.table(
            {
                "measure_name": pa.array(names, pa.string()),
                "data_type": pa.array(kinds, pa.string()),
                "dimensions": pa.array([dimensions] * len(names), _DIMENSIONS),
            }
        )


def _described(table: Table) -> pa.Table:
    rows: list[tuple[str, str, str]] = []
    for name in timestream_sql.columns_in_order(table):
        column = table.columns.get(name, Column(name, FieldKind.TIMESTAMP))
        kind = "varchar" if column.kind is None else _TYPE_NAMES.get(column.kind, "bigint")
        role = "DIMENSION" if column.is_tag else "MULTI"
        if name == "measure_name" or name.startswith("measure_value::"):
            role = name.partition("::")[0].upper()
        rows.append((name, kind, "TIMESTAMP" if name == "time" else role))
    names = ("column_name", "type", "Timestream attribute type")
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(names, map(pa.array, columns), strict=True)))


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _result(query_id: str, rows: pa.Table) -> dict[str, Any]:
    size = rows.nbytes
    return {
        "QueryId": query_id,
        "Rows": data_rows(rows),
        "ColumnInfo": column_info(rows),
        "QueryStatus": {
            "ProgressPercentage": 100.0,
            "CumulativeBytesScanned": size,
            "CumulativeBytesMetered": max(size, 10_000_000),
        },
    }
