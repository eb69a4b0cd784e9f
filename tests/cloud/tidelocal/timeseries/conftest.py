"""Engines and real servers for the time-series tests."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import pytest
import urllib3

from tidelocal.timeseries import TimeSeriesEngine, influx_app, timestream_handle

TOKEN = "a-token"


class ManualClock:
    """Nanoseconds that move only when a test says so."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_790_000_000 * 10**9)  # 2026-09-21T14:13:20Z


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock) -> Iterator[TimeSeriesEngine]:
    with TimeSeriesEngine(tmp_path / "store.duckdb", clock_ns=clock) as made:
        yield made


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL of `app` on a real hypercorn, on a free port of the loopback interface."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        serve = hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)
        loop.run_until_complete(serve)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        listener.detach()  # hypercorn has closed it


@pytest.fixture
def influx(engine: TimeSeriesEngine) -> Iterator["Influx"]:
    with served(influx_app(engine, TOKEN)) as url, urllib3.PoolManager() as pool:
        yield Influx(url, pool)


class Influx:
    """A bare client of the InfluxDB 3 API."""

    def __init__(self, url: str, pool: urllib3.PoolManager) -> None:
        self.url, self.pool = url, pool
        self.headers = {"authorization": f"Bearer {TOKEN}"}

    def request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.pool.request(method, self.url + path, headers=headers, **options)

    def write(
        self, lines: str | bytes, query: str = "precision=ns", **options: Any
    ) -> urllib3.BaseHTTPResponse:
        return self.request("POST", f"/api/v3/write_lp?db=d&{query}", body=lines, **options)

    def rows(self, statement: str, **more: Any) -> list[dict[str, Any]]:
        body = {"db": "d", "q": statement, "format": "json", **more}
        response = self.request("POST", "/api/v3/query_sql", json=body)
        assert response.status == 200, response.data
        rows: list[dict[str, Any]] = response.json()
        return rows

    def error(self, statement: str, **more: Any) -> str:
        body = {"db": "d", "q": statement, **more}
        response = self.request("POST", "/api/v3/query_sql", json=body)
        assert response.status == 400, response.data
        return str(response.json()["error"])


@pytest.fixture
def timestream_url(engine: TimeSeriesEngine) -> Iterator[str]:
    async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        target = dict(scope["headers"])[b"x-amz-target"].decode()
        status, headers, content = await timestream_handle(engine, target, body)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    with served(app) as url:
        yield url
