"""Serve the status page on loopback: the page, its data, and metrics.

`GET /` the page, `/data` a snapshot, `/history` plots, `/metrics` for Prometheus. It only shows.
Bounded: `CONNECTIONS_MAX` at once, a request of `HEAD_BYTES_MAX` within `HEAD_S_MAX`. Answers only
who asks for this machine by its own name, so that no web page can read it through a browser.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from importlib.resources import files
from urllib.parse import SplitResult, parse_qs, urlsplit

from tidegate.errors import GateError
from tidegate.status_page.history import History
from tidegate.status_page.metrics_text import metrics_text
from tidegate.status_page.snapshot import Snapshot

log = logging.getLogger("tidegate.status_page")

HOST = "127.0.0.1"
CONNECTIONS_MAX = 20
HEAD_BYTES_MAX = 8 * 1024
HEAD_S_MAX = 10.0
HISTORY_S = 1.0  # between two looks at the newest values
SPARK_POINTS = 120
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class StatusPage:
    """The page of one component; `look` makes a snapshot and must not wait."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look
        self._history = History()
        self._server: asyncio.Server | None = None
        self._recording: asyncio.Task[None] | None = None
        self._connections = 0
        self.port = 0

    async def open(self, port: int) -> None:
        """Begin to serve on `port`, 0 for a free one; raises `GateError`."""
        try:
            self._server = await asyncio.start_server(self._serve, HOST, port, limit=HEAD_BYTES_MAX)
        except OSError as error:
            raise GateError(
                f"no status page on port {port}: {error.strerror}; give another status_port"
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._recording = asyncio.create_task(self._record())
        log.info("status page on http://%s:%d/", HOST, self.port)

    async def try_open(self, port: int) -> None:
        """As `open`, and log why where it can't: what a component does needs no page."""
        try:
            await self.open(port)
        except GateError as error:
            log.error("%s", error)

    async def close(self) -> None:
        """Stop."""
        if self._recording:
            self._recording.cancel()
            await asyncio.gather(self._recording, return_exceptions=True)
        if self._server:
            self._server.close()
            self._server = None

    async def _record(self) -> None:
        while True:
            self._history.take(self._look().groups)
            await asyncio.sleep(HISTORY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > CONNECTIONS_MAX:
                return
            async with asyncio.timeout(HEAD_S_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._answer(head.decode("latin-1"))
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                    "Content-Security-Policy: default-src 'self' 'unsafe-inline'\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a caller that went away, or no HTTP
        finally:
            self._connections -= 1
            with contextlib.suppress(OSError):
                writer.close()

    def _answer(self, head: str) -> tuple[str, str, bytes]:
        first, *lines = head.split("\r\n")
        words = first.split()
        host = next((line[5:].strip() for line in lines if line.lower().startswith("host:")), "")
        if host.rpartition(":")[0] not in _OWN_NAMES and host not in _OWN_NAMES:
            return "403 Forbidden", _TEXT, b"ask for localhost\n"
        if len(words) < 2 or words[0] != "GET":  # noqa: PLR2004  a method and a path
            return "405 Method Not Allowed", _TEXT, b"this page only shows\n"
        try:
            url = urlsplit(words[1])
        except ValueError:
            return "400 Bad Request", _TEXT, b"that is no address\n"
        return self._page(url)

    def _page(self, url: SplitResult) -> tuple[str, str, bytes]:
        if url.path == "/":
            return "200 OK", _HTML, (files(__package__) / "page.html").read_bytes()
        if url.path == "/metrics":
            return "200 OK", _TEXT, metrics_text(self._look()).encode()
        if url.path == "/data":
            return "200 OK", _JSON, json.dumps(self._look().document()).encode()
        if url.path == "/history":
            return "200 OK", _JSON, json.dumps(self._plots(url.query)).encode()
        return "404 Not Found", _TEXT, b"there are: / /data /history /metrics\n"

    def _plots(self, query: str) -> list[list[object]]:
        """Return [thing, measurement, field, points] of one field whole, or of all in short."""
        asked = parse_qs(query)
        key = [asked.get(name, [""])[0] for name in ("thing", "measurement", "field")]
        if all(key):
            return [[*key, self._history.points((key[0], key[1], key[2]))]]
        return [[*name, points] for name, points in self._history.all_points(SPARK_POINTS)]
