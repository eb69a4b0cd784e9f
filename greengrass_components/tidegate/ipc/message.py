"""What the frames of Greengrass IPC say: connect, call, reply, event, error, ping.

Flow: client | server -> [message] -> frame -> Unix socket
"""

import asyncio
import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tidegate.ipc.errors import ConnectionLostError, FrameMalformedError
from tidegate.ipc.frame import PRELUDE_BYTES, Frame, HeaderValue, decode, encode, total_bytes

PROTOCOL_VERSION = "0.1.0"
NAMESPACE = "aws.greengrass#"
ACCEPTED, TERMINATE = 1, 2  # flags
_JSON = "application/json"
_KIND, _FLAGS, _STREAM = ":message-type", ":message-flags", ":stream-id"
_MODEL, _CONTENT = "service-model-type", ":content-type"


class Kind(IntEnum):
    """The type of a message."""

    MESSAGE = 0
    ERROR = 1
    PING = 2
    PING_RESPONSE = 3
    CONNECT = 4
    CONNECT_ACK = 5
    PROTOCOL_ERROR = 6
    INTERNAL_ERROR = 7


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Calls have a stream each, counted from 1; the connection's own is 0."""

    kind: Kind
    flags: int = 0
    stream: int = 0
    headers: dict[str, HeaderValue] = field(default_factory=dict)
    payload: bytes = b""

    @property
    def operation(self) -> str:
        """The called operation, without its namespace; empty when it is no call."""
        return str(self.headers.get("operation", "")).removeprefix(NAMESPACE)

    @property
    def model(self) -> str:
        """The type of the document, without its namespace."""
        return str(self.headers.get(_MODEL, "")).removeprefix(NAMESPACE)

    @property
    def ends_stream(self) -> bool:
        """Whether nothing comes after it on its stream."""
        return bool(self.flags & TERMINATE)

    def document(self) -> dict[str, Any]:
        """Return the JSON object that the payload is; raises `FrameMalformedError`."""
        try:
            document = json.loads(self.payload or b"{}")
        except ValueError as error:
            raise FrameMalformedError(f"the payload is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise FrameMalformedError("the payload is no JSON object")
        return document

    def encoded(self) -> bytes:
        """Return its bytes."""
        own: dict[str, HeaderValue] = {
            _KIND: int(self.kind), _FLAGS: self.flags, _STREAM: self.stream,
        }  # fmt: skip
        return encode(Frame({**self.headers, **own}, self.payload))


def connect(token: str) -> Message:
    """Return what a component begins with: its SVCUID."""
    payload = json.dumps({"authToken": token}).encode()
    return Message(Kind.CONNECT, headers={":version": PROTOCOL_VERSION}, payload=payload)


def call(operation: str, stream: int, document: dict[str, Any]) -> Message:
    """Return the call of an operation."""
    headers: dict[str, HeaderValue] = {
        "operation": NAMESPACE + operation,
        _MODEL: f"{NAMESPACE}{operation}Request",
        _CONTENT: _JSON,
    }
    return Message(Kind.MESSAGE, 0, stream, headers, json.dumps(document).encode())


def answer(model: str, stream: int, document: dict[str, Any], *, flags: int = 0) -> Message:
    """Return a reply or an event; the SDK needs its model and its content type."""
    headers: dict[str, HeaderValue] = {_MODEL: NAMESPACE + model, _CONTENT: _JSON}
    return Message(Kind.MESSAGE, flags, stream, headers, json.dumps(document).encode())


def error(kind: str, stream: int, document: dict[str, Any]) -> Message:
    """Return a call's failure, which ends its stream."""
    headers: dict[str, HeaderValue] = {_MODEL: NAMESPACE + kind, _CONTENT: _JSON}
    return Message(Kind.ERROR, TERMINATE, stream, headers, json.dumps(document).encode())


def end_of_stream(stream: int) -> Message:
    """Return the end of a subscription, which both sides say."""
    return Message(Kind.MESSAGE, TERMINATE, stream)


def parse(data: bytes) -> Message:
    """Return the message in one frame; raises `IpcError`."""
    frame = decode(data)
    headers = dict(frame.headers)
    values = [headers.pop(name, None) for name in (_KIND, _FLAGS, _STREAM)]
    if any(not isinstance(value, int) or isinstance(value, bool) for value in values):
        raise FrameMalformedError("a message needs its type, flags and stream")
    kind, flags, stream = (int(str(value)) for value in values)
    try:
        return Message(Kind(kind), flags, stream, headers, frame.payload)
    except ValueError as wrong:
        raise FrameMalformedError(f"there is no message type {kind}") from wrong


async def read_frame(reader: asyncio.StreamReader, bytes_max: int) -> bytes:
    """Return the bytes of the next frame.

    Raises `ConnectionLostError` at the end of the connection and `FrameMalformedError` for a
    frame of more than `bytes_max`, of which then no more than its prelude is read.
    """
    try:
        prelude = await reader.readexactly(PRELUDE_BYTES)
        total = total_bytes(prelude)
        if total > bytes_max:
            raise FrameMalformedError(f"a message of {total} bytes, at most {bytes_max}")
        return prelude + await reader.readexactly(total - PRELUDE_BYTES)
    except (asyncio.IncompleteReadError, OSError) as broken:
        raise ConnectionLostError("the connection ended") from broken
