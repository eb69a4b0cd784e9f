"""Answer SQL over HTTP as `/api/v3/query_sql` does.

Flow: request -> influx_sql -> engine -> answer_format
Bounded: rows, bytes and seconds by the engine's reader; a result over `rows_max` is refused,
not cut, because the formats have no place to say that it was.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from tidelocal.timeseries import influx_sql
from tidelocal.timeseries.answer_format import CONTENT_TYPES, written
from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.errors import QueryRefusedError
from tidelocal.timeseries.http_request import Request, RequestError, Response
from tidelocal.timeseries.reader import ROWS_MAX, SECONDS_MAX


class InfluxQuery:
    def __init__(
        self,
        engine: TimeSeriesEngine,
        *,
        rows_max: int = ROWS_MAX,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self._engine, self._rows_max, self._seconds_max = engine, rows_max, seconds_max

    async def sql(self, request: Request) -> Response:
        asked = await _asked(request)
        database, statement = asked.get("db"), asked.get("q")
        form = asked.get("format") or "json"
        params = asked.get("params") or {}
        if not isinstance(database, str) or not database:
            raise RequestError(400, "the parameter 'db' is missing")
        if not isinstance(statement, str) or not statement.strip():
            raise RequestError(400, "the parameter 'q' is missing")
        if form not in CONTENT_TYPES:
            raise RequestError(
                400, f"unknown format {form!r}; use one of {', '.join(CONTENT_TYPES)}"
            )
        if not isinstance(params, dict):
            raise RequestError(400, "the parameter 'params' must be a JSON object")
        engine = self._engine

        def translated() -> str:
            return influx_sql.translate(
                statement,
                database=database,
                catalog=engine.catalog,
                functions=engine.functions,
                now_ns=engine.clock_ns(),
                params=params,
            )

        sql = await asyncio.wrap_future(engine.in_background(translated))
        running = engine.query(sql, rows_max=self._rows_max, seconds_max=self._seconds_max)
        try:
            answer = await asyncio.wrap_future(running.future)
        except asyncio.CancelledError:
            running.cancel()  # the client is gone
            raise
        if answer.truncated:
            raise QueryRefusedError(f"more than {self._rows_max} rows; ask for less or add LIMIT")
        body = await asyncio.wrap_future(engine.in_background(lambda: written(answer.rows, form)))
        return Response(200, body, CONTENT_TYPES[form])


async def _asked(request: Request) -> Mapping[str, Any]:
    if request.method == "GET":
        asked: dict[str, Any] = dict(request.parameters)
        if "params" in asked:
            asked["params"] = _json(asked["params"].encode(), "the parameter 'params'")
        return asked
    asked = _json(await request.body(), "the body")
    if not isinstance(asked, dict):
        raise RequestError(400, "the body must be a JSON object with db and q")
    return asked


def _json(data: bytes, what: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"{what} is not JSON: {error}") from None
