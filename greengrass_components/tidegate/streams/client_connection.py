"""A client's connection: requests out, each with an id, and their answers back to who waits.

Bounded: `IN_FLIGHT_MAX` requests are on their way; further ones wait for room.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from tidegate.streams.append_frames import append_requests, append_to
from tidegate.streams.errors import StreamConnectionError, StreamFrameError, StreamRequestError
from tidegate.streams.frame import CONNECT_VERSION, FrameReader, Oversize, body_of, packed
from tidegate.streams.status import Operation, Status

IN_FLIGHT_MAX = 2_000
WRITE_RECORDS = 200  # appends that are written at once
ANSWER_BYTES_MAX = 64 << 20

Answer = dict[str, Any] | StreamRequestError


class ClientConnection(asyncio.Protocol):
    """One connection; once lost it stays lost. Calls raise `StreamConnectionError`."""

    def __init__(self, request_timeout_s: float) -> None:
        self._timeout_s = request_timeout_s
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader(ANSWER_BYTES_MAX)
        self._greeted = False
        self._next_id = 0
        self._waiting: dict[str, _Waiter] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._room = asyncio.Event()
        self._lost: StreamConnectionError | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        transport = self._transport
        return self._lost is None and transport is not None and not transport.is_closing()

    def close(self) -> None:
        """End it; what waits fails."""
        if self._transport:
            self._transport.close()
        self._fail(StreamConnectionError("the client was closed"))

    def greet(self) -> None:
        """Send what stands before the first frame."""
        self._write(bytes([CONNECT_VERSION]))

    async def call(self, operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
        """Make a request and return its answer; raises its refusal, and `TimeoutError`."""
        waiter = self._waiter(1)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._have_room()
                (request_id,) = self._register(waiter, 0, 1)
                self._write(packed(operation, {"requestId": request_id, **body}))
                await waiter.done
        finally:
            self._forget(waiter)
        answer = waiter.answers[0]
        if isinstance(answer, dict):
            return answer
        raise answer or StreamConnectionError("no answer")

    async def append_many(self, stream: str, payloads: Sequence[bytes]) -> list[Answer]:
        """Append all, in their order, and return an answer for each; raises `TimeoutError`."""
        waiter, middle = self._waiter(len(payloads)), append_to(stream)
        try:
            async with asyncio.timeout(self._timeout_s):
                for start in range(0, len(payloads), WRITE_RECORDS):
                    await self._have_room()
                    some = payloads[start : start + WRITE_RECORDS]
                    request_ids = self._register(waiter, start, len(some))
                    self._write(append_requests(request_ids, middle, some))
                await waiter.done
        finally:
            self._forget(waiter)
        return [answer for answer in waiter.answers if answer is not None]

    def _waiter(self, count: int) -> "_Waiter":
        waiter = _Waiter(self._next_id, count)
        self._next_id += count
        return waiter

    def _register(self, waiter: "_Waiter", place: int, count: int) -> list[str]:
        first = waiter.first_id + place
        request_ids = [str(number) for number in range(first, first + count)]
        self._waiting.update(dict.fromkeys(request_ids, waiter))
        return request_ids

    def _forget(self, waiter: "_Waiter") -> None:
        if waiter.missing:
            for number in range(waiter.first_id, waiter.first_id + len(waiter.answers)):
                self._waiting.pop(str(number), None)
        if waiter.done.done() and not waiter.done.cancelled():
            waiter.done.exception()  # seen, even where something else was raised first
        self._room.set()

    async def _have_room(self) -> None:
        while True:
            if self._lost:
                raise self._lost
            if len(self._waiting) >= IN_FLIGHT_MAX:
                self._room.clear()
                await self._room.wait()
            elif not self._writable.is_set():
                await self._writable.wait()
            else:
                return

    def _write(self, data: bytes) -> None:
        if self._lost or not self._transport or self._transport.is_closing():
            raise self._lost or StreamConnectionError("not connected")
        self._transport.write(data)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what loops give for streams
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them; one that nobody waits for is let go."""
        if not self._greeted:
            self._greeted = True
            if data[0] != CONNECT_VERSION:
                self._break(f"the server begins with {data[0]}: is it a stream manager?")
                return
            data = data[1:]
        try:
            for frame in self._reader.feed(data):
                if isinstance(frame, Oversize):
                    self._break(f"an answer of {frame.frame_bytes} bytes")
                    return
                self._take(body_of(frame[1]))
        except StreamFrameError as error:
            self._break(str(error))
            return
        if len(self._waiting) < IN_FLIGHT_MAX:
            self._room.set()

    def pause_writing(self) -> None:
        """Wait: the socket is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits."""
        self._fail(StreamConnectionError(f"the connection ended: {exc or 'closed by the server'}"))

    def _take(self, body: dict[str, Any]) -> None:
        request_id = body.get("requestId")
        waiter = self._waiting.pop(request_id, None) if isinstance(request_id, str) else None
        if waiter is None or not isinstance(request_id, str):
            return
        status = body.get("status", Status.UNKNOWN_FAILURE)
        answer: Answer = body
        if status != Status.SUCCESS:
            answer = StreamRequestError(status, body.get("errorMessage") or "")
        waiter.take(int(request_id), answer)

    def _break(self, why: str) -> None:
        if self._transport:
            self._transport.abort()
        self._fail(StreamConnectionError(why))

    def _fail(self, error: StreamConnectionError) -> None:
        self._lost = self._lost or error
        for waiter in set(self._waiting.values()):
            if not waiter.done.done():
                waiter.done.set_exception(self._lost)
        self._waiting.clear()
        self._writable.set()
        self._room.set()


class _Waiter:
    """Waits for the answers to one call, which may be many requests, with ids in a row."""

    __slots__ = ("answers", "done", "first_id", "missing")

    def __init__(self, first_id: int, count: int) -> None:
        self.first_id, self.missing = first_id, count
        self.answers: list[Answer | None] = [None] * count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, request_id: int, answer: Answer) -> None:
        self.answers[request_id - self.first_id] = answer
        self.missing -= 1
        if self.missing == 0 and not self.done.done():
            self.done.set_result(None)
