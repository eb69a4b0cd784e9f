"""One HTTP request as an ASGI application gets it, its body bounded, and answers to it."""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tidelocal.timeseries.errors import TimeSeriesError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 10 << 20  # InfluxDB 3's default, of the body as sent and unpacked alike
_PARAMETERS_MAX = 64
_GZIP = 16 + zlib.MAX_WBITS


class RequestError(TimeSeriesError):
    """The request cannot be served as it is."""

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s


class Response:
    """Status, body, and its type."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.body, self.content_type = status, body, content_type
        self.headers = dict(headers or {})

    @classmethod
    def json(
        cls, status: int, value: object, headers: Mapping[str, str] | None = None
    ) -> "Response":
        return cls(status, orjson.dumps(value), headers=headers)

    async def send(self, send: Send) -> None:
        headers = {"content-length": str(len(self.body)), **self.headers}
        if self.body:
            headers["content-type"] = self.content_type
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": self.body})


class Request:
    """`parameters` are those of the URL, the last of each name."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        self._receive = receive
        try:
            pairs = parse_qsl(
                scope["query_string"].decode("latin-1"),
                keep_blank_values=True,
                max_num_fields=_PARAMETERS_MAX,
                errors="strict",
            )
        except ValueError as error:
            raise RequestError(400, f"the query string is malformed: {error}") from None
        self.parameters = dict(pairs)

    async def body(self) -> bytes:
        """The body as sent. Raises RequestError (413 over BODY_BYTES_MAX, 400 when cut off)."""
        length = self.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > BODY_BYTES_MAX:
            raise RequestError(413, f"the body has {length} bytes, more than {BODY_BYTES_MAX}")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RequestError(400, "the connection closed before the body was whole")
            part = message.get("body", b"")
            size += len(part)
            if size > BODY_BYTES_MAX:
                raise RequestError(413, f"the body has more than {BODY_BYTES_MAX} bytes")
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding; gzip may have several members. Raises RequestError."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise RequestError(415, f"content encoding {encoding!r} is not supported; use gzip")
    parts: list[bytes] = []
    room = BODY_BYTES_MAX
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, room + 1)
        except zlib.error as error:
            raise RequestError(400, f"the body is not valid gzip: {error}") from None
        if len(part) > room:
            raise RequestError(413, f"the body unpacks to more than {BODY_BYTES_MAX} bytes")
        if not member.eof:
            raise RequestError(400, "the gzip body is cut off")
        room -= len(part)
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)
