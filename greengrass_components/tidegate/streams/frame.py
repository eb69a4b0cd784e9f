"""Frames of the stream protocol: `i32 length | i8 operation | CBOR map`, big-endian.

The length counts operation and map. Before their first frame client and server send one byte,
the version of the connection. Pure: bytes in, frames out.
Source: stream-manager SDK for Python 1.1.2, `utilinternal.py` and `streammanagerclient.py`.
"""

import struct
from collections.abc import Iterator
from typing import Any

import cbor2

from tidegate.streams.errors import StreamFrameError

CONNECT_VERSION = 1
HEAD = struct.Struct(">iB")
HEAD_BYTES = HEAD.size
# A message of 1 MiB and what stands around it. AWS's clients refuse only above 2**30; but who
# may send that much may fill the memory of a gateway.
FRAME_BYTES_MAX = (1 << 20) + 4_096
_PROTOCOL_BYTES_MAX = 1 << 30
_PEEK_BYTES = 512
_ID_KEY = b"irequestId"
_TEXT, _TEXT_8, _TEXT_16 = 0x60, 0x78, 0x79


def packed(operation: int, body: dict[str, Any]) -> bytes:
    """Return a frame."""
    payload = cbor2.dumps(body)
    return HEAD.pack(len(payload) + 1, operation) + payload


def body_of(payload: bytes) -> dict[str, Any]:
    """Return the map in a frame; raises `StreamFrameError`."""
    try:
        body = cbor2.loads(payload)
    # What else tags, deep nesting and keys that can't be hashed raise inside the decoder.
    except (cbor2.CBORError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError,
            MemoryError) as error:  # fmt: skip
        raise StreamFrameError(f"no CBOR map: {type(error).__name__}") from error
    if not isinstance(body, dict):
        raise StreamFrameError(f"no CBOR map but {type(body).__name__}")
    return body


def request_id_in(payload: bytes) -> str | None:
    """Return the request id near the beginning of a map that can't be read whole, if any."""
    at = payload.find(_ID_KEY, 0, _PEEK_BYTES) + len(_ID_KEY)
    if at < len(_ID_KEY) or at + 3 > len(payload):
        return None
    head = payload[at]
    if _TEXT <= head < _TEXT_8:
        at, size = at + 1, head - _TEXT
    elif head == _TEXT_8:
        at, size = at + 2, payload[at + 1]
    else:
        return None
    try:
        return payload[at : at + size].decode() or None
    except UnicodeDecodeError:
        return None


class Oversize:
    """A frame that is too large; `payload` is only its beginning."""

    __slots__ = ("frame_bytes", "operation", "payload")

    def __init__(self, operation: int, frame_bytes: int, payload: bytes) -> None:
        self.operation, self.frame_bytes, self.payload = operation, frame_bytes, payload


class FrameReader:
    """Takes bytes as they come and gives whole frames. Holds `frame_bytes_max` at most."""

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._rest = bytearray()
        self._skip_bytes = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes] | Oversize]:
        """Yield (operation, payload) of each frame that is whole now.

        A frame that is too large is yielded as soon as its beginning is there, then skipped.
        Raises `StreamFrameError` where the length is none of the protocol's.
        """
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        if self._rest:
            self._rest += data
            data = bytes(self._rest) if self._is_whole(self._rest) else b""
            if not data:
                return
            self._rest.clear()
        at, size = 0, len(data)
        while size - at >= HEAD_BYTES:
            length, operation = HEAD.unpack_from(data, at)
            end = at + 4 + length
            if not 1 <= length <= _PROTOCOL_BYTES_MAX:
                raise StreamFrameError(f"a frame of {length} bytes")
            if length > self._frame_bytes_max:
                if size - at < _PEEK_BYTES:
                    break
                yield Oversize(operation, length, data[at + HEAD_BYTES : at + _PEEK_BYTES])
                self._skip_bytes = max(0, end - size)
                at = min(end, size)
                continue
            if end > size:
                break
            yield operation, data[at + HEAD_BYTES : end]
            at = end
        self._rest += data[at:]

    def _is_whole(self, data: bytearray) -> bool:
        if len(data) < HEAD_BYTES:
            return False
        length = int.from_bytes(data[:4], "big", signed=True)
        return len(data) >= min(
            4 + length, _PEEK_BYTES if length > self._frame_bytes_max else 1 << 31
        )
