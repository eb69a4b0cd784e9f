"""Serve the page: as much of HTTP as a phone needs.

Bounded: CONNECTIONS_MAX at a time, each for REQUEST_MS_MAX, with a head of HEAD_BYTES_MAX and a
body of BODY_BYTES_MAX. What is beyond is refused or closed. Every GET but that of the page is
sent to it, by which phones find out that they are behind a portal. Only a POST that knows the
page's token changes anything.
"""

import asyncio

from tidenode.portal import form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tidenode.portal.page import Page

    Answer = tuple[str, Iterable[str]]

CONNECTIONS_MAX = 4
REQUEST_MS_MAX = 5_000
HEAD_BYTES_MAX = 2_048
BODY_BYTES_MAX = 1_024
_READ_BYTES = 512
_HEADERS = (
    "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
    "Cache-Control: no-store\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'\r\n%s\r\n"
)


class RequestError(Exception):
    """A request that is refused with `status`."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Server:
    """Shows `page`; `take(wish)` is called with what a person wants, `look()` to scan again.

    `requests` counts.
    """

    def __init__(
        self, page: "Page", take: "Callable[[Any], None]", look: "Callable[[], None]"
    ) -> None:
        self.requests = 0
        self._page = page
        self._take = take
        self._look = look
        self._open = 0
        self._address = ""

    async def listen(self, address: str, port: int) -> "Any":
        """Listen; return what closes it."""
        self._address = address if port == 80 else "%s:%d" % (address, port)
        return await asyncio.start_server(self._serve, address, port)

    async def _serve(self, reader: "Any", writer: "Any") -> None:
        if self._open >= CONNECTIONS_MAX:
            writer.close()
            await writer.wait_closed()
            return
        self._open += 1
        try:
            await asyncio.wait_for_ms(self._exchange(reader, writer), REQUEST_MS_MAX)  # type: ignore[attr-defined]  # MicroPython's
        except (OSError, EOFError, asyncio.TimeoutError, MemoryError):
            pass  # the phone has gone, or it is none
        finally:
            self._open -= 1
            try:
                writer.close()
                await writer.wait_closed()
            except OSError:
                pass

    async def _exchange(self, reader: "Any", writer: "Any") -> None:
        try:
            status, parts = await self._answer(reader)
        except RequestError as error:
            status, parts = error.status, [error.status]
        more = ""
        if status.startswith("302"):
            more = "Location: http://%s/\r\n" % self._address
        writer.write((_HEADERS % (status, more)).encode())
        await writer.drain()
        for part in parts:  # one at a time: the whole page need not fit into memory
            writer.write(part.encode())
            await writer.drain()

    async def _answer(self, reader: "Any") -> "Answer":
        data = b""
        while b"\r\n\r\n" not in data:
            part = await reader.read(_READ_BYTES)
            if not part:
                raise EOFError
            data += part
            if len(data) > HEAD_BYTES_MAX + BODY_BYTES_MAX:
                raise RequestError("431 Request Header Fields Too Large")
        head, _, body = data.partition(b"\r\n\r\n")
        method, path, body_bytes = parsed(head)
        # Before any answer: closing on what is unread would reset the connection, answer and all.
        while len(body) < body_bytes:
            part = await reader.read(body_bytes - len(body))
            if not part:
                raise EOFError
            body += part
        self.requests += 1
        if method == "GET":
            if path != "/":
                return "302 Found", []
            return "200 OK", self._page.parts()
        if method != "POST":
            raise RequestError("405 Method Not Allowed")
        if path != "/":
            raise RequestError("404 Not Found")
        return self._posted(body[:body_bytes])

    def _posted(self, body: bytes) -> "Answer":
        page = self._page
        try:
            fields = form.fields_of(body)
        except (ValueError, UnicodeError):
            raise RequestError("400 Bad Request")
        if fields.get("token") != page.token:
            raise RequestError("403 Forbidden")
        if page.joining or page.done:
            return "200 OK", page.parts()  # the button was pressed twice
        wish, page.mistakes = form.wish_of(fields, page.nameless)
        fields.pop("password", None)  # the page never shows it
        page.filled = fields
        if fields.get("look"):
            page.mistakes = []  # it is not filled in yet
            self._look()
            return "200 OK", page.parts()
        if wish is None:
            return "400 Bad Request", page.parts()
        self._take(wish)
        return "200 OK", page.parts()


def parsed(head: bytes) -> "tuple[str, str, int]":
    """Return (method, path, bytes of the body) of a request's head. Raises RequestError."""
    if len(head) > HEAD_BYTES_MAX:
        raise RequestError("431 Request Header Fields Too Large")
    try:
        lines = head.decode().split("\r\n")
    except UnicodeError:
        raise RequestError("400 Bad Request")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise RequestError("400 Bad Request")
    body_bytes = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length":
            value = value.strip()
            if not value.isdigit() or len(value) > 6:
                raise RequestError("400 Bad Request")
            body_bytes = int(value)
        elif name.strip().lower() == "transfer-encoding":
            raise RequestError("411 Length Required")
    if body_bytes > BODY_BYTES_MAX:
        raise RequestError("413 Content Too Large")
    return words[0], words[1].split("?")[0], body_bytes
