"""A light client of the stream manager, ours or AWS's: many requests on their way at once.

Unlike AWS's SDK it does not wait for one append before the next, needs no thread, and fails what
waits at once when the connection ends. Bounded: `IN_FLIGHT_MAX` requests; more wait their turn.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from tidegate.streams.errors import StreamConnectionError, StreamFrameError, StreamRequestError
from tidegate.streams.frame import CONNECT_VERSION, HEAD, FrameReader, Oversize, body_of, packed
from tidegate.streams.status import Operation, Status

IN_FLIGHT_MAX = 2_000
WRITE_RECORDS = 200  # appends that are written at once
ANSWER_BYTES_MAX = 64 << 20
REQUEST_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 3.0
_VERSIONS = ("1.1.0", "1.0.0")
_SHORT, _BYTE, _TWO_BYTES = 24, 1 << 8, 1 << 16  # CBOR's lengths


class Message(NamedTuple):
    """A message of a stream; `ingest_at_ms` is when the stream manager took it."""

    sequence: int
    ingest_at_ms: int
    payload: bytes


class StreamClient(asyncio.Protocol):
    """Use `async with await StreamClient.connect(...)`. Not for several event loops.

    Every call raises `StreamRequestError` where the server says no, `StreamConnectionError`
    where there is no connection any more (then make another client) and `TimeoutError`.
    """

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

    @classmethod
    async def connect(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        socket_path: Path | None = None,
        token: str | None = None,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Self:
        """Connect to a port (of the environment, or 8088) or a Unix socket."""
        client = cls(request_timeout_s)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if socket_path is not None:
                    await loop.create_unix_connection(lambda: client, str(socket_path))
                else:
                    port = port or int(os.environ.get("STREAM_MANAGER_SERVER_PORT", "8088"))
                    await loop.create_connection(lambda: client, host, port)
        except OSError as error:
            where = socket_path or f"{host}:{port}"
            raise StreamConnectionError(
                f"no stream manager at {where}: {error}; is the component running?"
            ) from error
        try:
            await client._shake_hands(token or os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        except BaseException:
            client.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        """Whether calls can be made."""
        transport = self._transport
        return self._lost is None and transport is not None and not transport.is_closing()

    def close(self) -> None:
        """End the connection; what waits fails."""
        if self._transport:
            self._transport.close()
        self._fail(StreamConnectionError("the client was closed"))

    async def create(self, definition: Mapping[str, Any]) -> None:
        """Make a stream; `definition` has the wire's names, as AWS documents them."""
        await self._call(Operation.CREATE, {"definition": dict(definition)})

    async def update(self, definition: Mapping[str, Any]) -> None:
        """Change a stream to `definition`, which is complete."""
        await self._call(Operation.UPDATE, {"definition": dict(definition)})

    async def ensure(self, definition: Mapping[str, Any]) -> None:
        """Make a stream, or bring the one there is to `definition`."""
        if definition["name"] in await self.names():
            await self.update(definition)
        else:
            await self.create(definition)

    async def delete(self, name: str) -> None:
        """Delete a stream and all that is in it."""
        await self._call(Operation.DELETE, {"name": name})

    async def names(self) -> list[str]:
        """Return the names of all streams."""
        return list((await self._call(Operation.LIST, {}))["streams"])

    async def describe(self, name: str) -> dict[str, Any]:
        """Return AWS's `MessageStreamInfo` of a stream."""
        answer = await self._call(Operation.DESCRIBE, {"name": name})
        return dict(answer["messageStreamInfo"])

    async def append(self, name: str, payload: bytes) -> int:
        """Append a message and return its sequence number."""
        return (await self.append_many(name, (payload,)))[0]

    async def append_many(self, name: str, payloads: Sequence[bytes]) -> list[int]:
        """Append messages in their order, all on their way at once; return sequence numbers.

        Raises `StreamRequestError` if one was refused: those before and behind it may be taken.
        """
        answers = await self.try_append_many(name, payloads)
        sequences: list[int] = []
        for answer in answers:
            if isinstance(answer, StreamRequestError):
                raise answer
            sequences.append(answer)
        return sequences

    async def try_append_many(
        self, name: str, payloads: Sequence[bytes]
    ) -> list[int | StreamRequestError]:
        """Append messages; return what became of each: its sequence number, or the refusal."""
        if not payloads:
            return []
        waiter = _Waiter(len(payloads), asyncio.get_running_loop().create_future())
        text = name.encode()
        middle = b"dname" + _head(3, len(text)) + text + b"gpayload"
        try:
            async with asyncio.timeout(self._timeout_s):
                for start in range(0, len(payloads), WRITE_RECORDS):
                    await self._have_room()
                    self._write(
                        [
                            self._append_frame(waiter, start + place, middle, payload)
                            for place, payload in enumerate(payloads[start : start + WRITE_RECORDS])
                        ]
                    )
                await waiter.done
        finally:
            self._forget(waiter)
        return [
            int(answer["sequenceNumber"]) if isinstance(answer, dict) else answer
            for answer in waiter.answers
            if answer is not None
        ]

    async def read(
        self,
        name: str,
        start: int = 0,
        *,
        count_min: int = 1,
        count_max: int = 1_000,
        timeout_ms: int = 0,
    ) -> list[Message]:
        """Return messages from `start` on; raises with NOT_ENOUGH_MESSAGES below `count_min`."""
        options = {
            "desiredStartSequenceNumber": start,
            "minMessageCount": count_min,
            "maxMessageCount": max(count_min, count_max),
            "readTimeoutMillis": timeout_ms,
        }
        answer = await self._call(
            Operation.READ, {"streamName": name, "readMessagesOptions": options}
        )
        return [
            Message(one["sequenceNumber"], one.get("ingestTime", 0), one["payload"])
            for one in answer["messages"]
        ]

    async def _shake_hands(self, token: str | None) -> None:
        body: dict[str, Any] = {
            "protocolVersion": _VERSIONS[0],
            "otherSupportedProtocolVersions": list(_VERSIONS[1:]),
            "sdkVersion": "1.1.2",
        }
        if token:
            body["authToken"] = token
        self._write([bytes([CONNECT_VERSION])])
        await self._call(Operation.CONNECT, body)

    async def _call(self, operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
        waiter = _Waiter(1, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._have_room()
                request_id = self._register(waiter, 0)
                self._write([packed(operation, {"requestId": request_id, **body})])
                await waiter.done
        finally:
            self._forget(waiter)
        answer = waiter.answers[0]
        if isinstance(answer, dict):
            return answer
        raise answer or StreamConnectionError("no answer")

    def _append_frame(self, waiter: "_Waiter", place: int, middle: bytes, payload: bytes) -> bytes:
        request_id = self._register(waiter, place).encode()
        body = b"".join(
            (b"\xa3irequestId", _head(3, len(request_id)), request_id, middle,
             _head(2, len(payload)), payload)
        )  # fmt: skip
        return HEAD.pack(len(body) + 1, Operation.APPEND) + body

    def _register(self, waiter: "_Waiter", place: int) -> str:
        request_id = str(self._next_id)
        self._next_id += 1
        self._waiting[request_id] = waiter
        waiter.places[request_id] = place
        return request_id

    def _forget(self, waiter: "_Waiter") -> None:
        for request_id in waiter.places:
            self._waiting.pop(request_id, None)
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

    def _write(self, parts: list[bytes]) -> None:
        if self._lost or not self._transport or self._transport.is_closing():
            raise self._lost or StreamConnectionError("not connected")
        self._transport.write(b"".join(parts))

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
        answer: dict[str, Any] | StreamRequestError = body
        status = body.get("status", Status.UNKNOWN_FAILURE)
        if status != Status.SUCCESS:
            answer = StreamRequestError(status, body.get("errorMessage") or "")
        waiter.take(request_id, answer)

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
    """Waits for the answers to one call, which may be many requests."""

    __slots__ = ("answers", "done", "missing", "places")

    def __init__(self, count: int, done: "asyncio.Future[None]") -> None:
        self.answers: list[dict[str, Any] | StreamRequestError | None] = [None] * count
        self.places: dict[str, int] = {}
        self.missing = count
        self.done = done

    def take(self, request_id: str, answer: dict[str, Any] | StreamRequestError) -> None:
        self.answers[self.places.pop(request_id)] = answer
        self.missing -= 1
        if self.missing == 0 and not self.done.done():
            self.done.set_result(None)


def _head(kind: int, size: int) -> bytes:
    """Return the head of a CBOR byte string (2) or text (3)."""
    if size < _SHORT:
        return bytes((kind << 5 | size,))
    if size < _BYTE:
        return bytes((kind << 5 | 24, size))
    if size < _TWO_BYTES:
        return bytes((kind << 5 | 25,)) + size.to_bytes(2, "big")
    return bytes((kind << 5 | 26,)) + size.to_bytes(4, "big")
