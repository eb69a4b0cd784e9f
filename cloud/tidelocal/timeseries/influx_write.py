"""Take line protocol over HTTP: v3, and the v2 and v1 paths kept for older clients.

Flow: body -> gunzip -> line_protocol -> engine -> 204, or 400 with the lines refused
Bounded: a body has at most BODY_BYTES_MAX bytes and all bodies under way `bytes_max`; over
that the answer is 503 with Retry-After.
"""

import asyncio
from collections.abc import Mapping

from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.errors import BusyError
from tidelocal.timeseries.http_request import Request, RequestError, Response, unpacked
from tidelocal.timeseries.line_protocol import ParsedLines, original_lines, parse_lines
from tidelocal.timeseries.points import Refused
from tidelocal.timeseries.precision import Precision

BYTES_MAX = 64 << 20  # of bodies being read, parsed and stored; their points take some times more
_REFUSED_LISTED_MAX = 100  # as InfluxDB 3 lists them; the error says how many there were
_BOOLEANS = {"true": True, "false": False}


class InfluxWrite:
    def __init__(self, engine: TimeSeriesEngine, *, bytes_max: int = BYTES_MAX) -> None:
        self._engine, self._bytes_max = engine, bytes_max
        self._bytes = 0

    async def v3(self, request: Request) -> Response:
        parameters = request.parameters
        word = parameters.get("accept_partial", "true")
        if word not in _BOOLEANS:
            raise RequestError(400, f"accept_partial must be true or false, not {word!r}")
        precision = Precision.of(parameters.get("precision", "auto"))
        return await self._write(request, "db", precision, partial=_BOOLEANS[word])

    async def v2(self, request: Request) -> Response:
        name = "db" if "db" in request.parameters else "bucket"
        precision = Precision.of(request.parameters.get("precision", "ns"))
        return await self._write(request, name, precision, partial=True)

    async def v1(self, request: Request) -> Response:
        precision = Precision.of(request.parameters.get("precision", "ns"))
        return await self._write(request, "db", precision, partial=True)

    async def _write(
        self, request: Request, database_in: str, precision: Precision, *, partial: bool
    ) -> Response:
        database = _database(request.parameters, database_in)
        body = await request.body()
        if self._bytes + len(body) > self._bytes_max and self._bytes:
            raise BusyError("body", self._bytes_max)
        self._bytes += len(body)
        try:
            return await self._store(request, database, body, precision, partial=partial)
        finally:
            self._bytes -= len(body)

    async def _store(
        self, request: Request, database: str, body: bytes, precision: Precision, *, partial: bool
    ) -> Response:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        now_ns = self._engine.clock_ns()

        def parsed() -> tuple[str, ParsedLines]:
            text = _text(unpacked(body, encoding))
            return text, parse_lines(text, precision, now_ns)

        text, lines = await asyncio.wrap_future(self._engine.in_background(parsed))
        refused = lines.refused
        whole = partial or not refused
        if lines.points and whole:
            write = Write(database, lines.points, all_or_nothing=not partial)
            outcome = await asyncio.wrap_future(self._engine.write(write))
            refused = tuple(sorted((*refused, *outcome.refused), key=lambda each: each.position))
        if not refused:
            return Response(204)
        return await asyncio.wrap_future(
            self._engine.in_background(lambda: _rejection(text, refused, partial=partial))
        )


def _database(parameters: Mapping[str, str], name: str) -> str:
    database = parameters.get(name, "")
    if not database:
        raise RequestError(400, f"the parameter {name!r} is missing")
    return database


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8: byte {error.start}") from None


def _rejection(text: str, refused: tuple[Refused, ...], *, partial: bool) -> Response:
    listed = refused[:_REFUSED_LISTED_MAX]
    originals = original_lines(text, {each.position for each in listed})
    error = "parsing failed for write_lp endpoint"
    if partial:
        error = "partial write of line protocol occurred"
    if len(refused) > len(listed):
        error += f" ({len(refused)} lines refused, {len(listed)} listed)"
    data = [
        {
            "original_line": originals.get(each.position, ""),
            "line_number": each.position,
            "error_message": each.reason,
        }
        for each in listed
    ]
    return Response.json(400, {"error": error, "data": data})
