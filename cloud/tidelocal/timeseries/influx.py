"""The InfluxDB 3 face: an ASGI application over the engine.

Flow: HTTP -> [influx: authorize, route] -> influx_write | influx_query -> engine
"""

import base64
import binascii
import hmac
import logging
from collections.abc import Awaitable, Callable

import orjson

from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.errors import (
    BusyError,
    ClosedError,
    ConflictError,
    DiskFullError,
    NotFoundError,
    QueryTimeoutError,
    TimeSeriesError,
)
from tidelocal.timeseries.http_request import (  # fmt: skip
    App,
    Receive,
    Request,
    RequestError,
    Response,
    Scope,
    Send,
)
from tidelocal.timeseries.influx_query import InfluxQuery
from tidelocal.timeseries.influx_write import InfluxWrite

VERSION = "3.0.0-tidegauge"
_OPEN_PATHS = frozenset({"/health", "/api/v1/health", "/ping"})

log = logging.getLogger(__name__)


def influx_app(engine: TimeSeriesEngine, token: str) -> App:
    """The application; every path but the health checks needs `token`."""
    return _InfluxApp(engine, token)


class _InfluxApp:
    def __init__(self, engine: TimeSeriesEngine, token: str) -> None:
        if not token:
            raise ValueError("the token must not be empty")
        self._engine, self._token = engine, token.encode()
        write, query = InfluxWrite(engine), InfluxQuery(engine)
        self._routes: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", "/health"): _health,
            ("GET", "/api/v1/health"): _health,
            ("GET", "/ping"): _ping,
            ("POST", "/ping"): _ping,
            ("HEAD", "/ping"): _ping,
            ("POST", "/api/v3/write_lp"): write.v3,
            ("POST", "/api/v2/write"): write.v2,
            ("POST", "/write"): write.v1,
            ("GET", "/api/v3/query_sql"): query.sql,
            ("POST", "/api/v3/query_sql"): query.sql,
            ("GET", "/api/v3/configure/database"): self._databases,
            ("POST", "/api/v3/configure/database"): self._create_database,
            ("DELETE", "/api/v3/configure/database"): self._drop_database,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._respond(scope, receive)
            if scope["method"] == "HEAD":
                response.body = b""
            await response.send(send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        try:
            request = Request(scope, receive)
            if request.path not in _OPEN_PATHS and not self._authorized(request):
                return Response.json(401, {"error": "the request was not authenticated"})
            route = self._routes.get((request.method, request.path))
            if route is not None:
                return await route(request)
            if any(path == request.path for _, path in self._routes):
                return Response.json(405, {"error": f"{request.path} has no {request.method}"})
            return Response.json(404, {"error": f"no such path: {request.path}"})
        except TimeSeriesError as error:
            return _refusal(error)
        except Exception:  # the outermost loop of a request
            log.exception("request failed path=%s", scope["path"])
            return Response.json(500, {"error": "internal error; the server's log has it"})

    def _authorized(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token: bytes | None = None
        if scheme.lower() in {"bearer", "token"}:
            token = given.strip().encode("latin-1")
        elif scheme.lower() == "basic":
            try:
                token = base64.b64decode(given, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                token = None
        elif not scheme and request.path == "/write":
            token = request.parameters.get("p", "").encode()
        return token is not None and hmac.compare_digest(token, self._token)

    async def _databases(self, request: Request) -> Response:
        form = request.parameters.get("format", "json")
        names = sorted(self._engine.catalog.databases)
        if form == "json":
            return Response.json(200, [{"iox::database": name} for name in names])
        if form == "csv":
            return Response(200, "\n".join(["iox::database", *names, ""]).encode(), "text/csv")
        raise RequestError(400, f"unknown format {form!r}; use json or csv")

    async def _create_database(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(await request.body())
            name = wanted["db"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            name = None
        if not isinstance(name, str):
            raise RequestError(400, 'the body must be JSON like {"db": "name"}')
        await self._engine.change_async(lambda definition: definition.create_database(name, {}))
        return Response(200)

    async def _drop_database(self, request: Request) -> Response:
        name = request.parameters.get("db", "")
        await self._engine.change_async(lambda definition: definition.drop_database(name))
        return Response(200)


async def _health(_: Request) -> Response:
    return Response(200, b"OK", "text/plain; charset=utf-8")


async def _ping(_: Request) -> Response:
    headers = {"x-influxdb-version": VERSION, "x-influxdb-build": "Core"}
    value = {"version": VERSION, "revision": "local", "process_id": "local"}
    return Response.json(200, value, headers)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _refusal(error: TimeSeriesError) -> Response:
    """The one place that says which status an error has."""
    headers: dict[str, str] = {}
    status = 400
    if isinstance(error, RequestError):
        status = error.status
        if error.retry_after_s is not None:
            headers["retry-after"] = str(error.retry_after_s)
    elif isinstance(error, BusyError):
        status, headers = 503, {"retry-after": str(error.retry_after_s)}
    elif isinstance(error, DiskFullError):
        status = 507
    elif isinstance(error, ClosedError):
        status = 503
    elif isinstance(error, NotFoundError):
        status = 404
    elif isinstance(error, ConflictError):
        status = 409
    elif isinstance(error, QueryTimeoutError):
        status = 408
    return Response.json(status, {"error": str(error)}, headers)
