"""The two frames of an append, written by hand: they are most of what goes over the wire.

As `frame.packed` would make them, several times faster.
"""

from tidegate.streams.frame import HEAD
from tidegate.streams.status import Operation

_BYTES, _TEXT = 2, 3  # CBOR's major types
_SHORT, _BYTE, _TWO_BYTES = 24, 1 << 8, 1 << 16  # up to where a length takes so much


def append_to(stream: str) -> bytes:
    """Return the middle of each request that appends to `stream`, for `append_request`."""
    name = stream.encode()
    return b"dname" + _head(_TEXT, len(name)) + name + b"gpayload"


def append_request(request_id: str, middle: bytes, payload: bytes) -> bytes:
    """Return a frame of `{requestId, name, payload}`."""
    text = request_id.encode()
    body = b"".join(
        (b"\xa3irequestId", _head(_TEXT, len(text)), text, middle,
         _head(_BYTES, len(payload)), payload)
    )  # fmt: skip
    return HEAD.pack(len(body) + 1, Operation.APPEND) + body


def append_answer(request_id: str, sequence: int) -> bytes:
    """Return a frame of `{requestId, status: 0, sequenceNumber}`."""
    text = request_id.encode()
    body = b"".join(
        (b"\xa3irequestId", _head(_TEXT, len(text)), text, b"fstatus\x00nsequenceNumber",
         _head(0, sequence))
    )  # fmt: skip
    return HEAD.pack(len(body) + 1, Operation.APPEND_ANSWER) + body


def _head(kind: int, number: int) -> bytes:
    """Return the head of a CBOR item: its major type, and its length or value."""
    if number < _SHORT:
        return bytes((kind << 5 | number,))
    if number < _BYTE:
        return bytes((kind << 5 | 24, number))
    if number < _TWO_BYTES:
        return bytes((kind << 5 | 25,)) + number.to_bytes(2, "big")
    if number < 1 << 32:
        return bytes((kind << 5 | 26,)) + number.to_bytes(4, "big")
    return bytes((kind << 5 | 27,)) + number.to_bytes(8, "big")
