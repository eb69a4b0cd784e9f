"""The two frames of an append, written by hand: they are most of what goes over the wire.

As `frame.packed` would make them, several times faster.
"""

from collections.abc import Iterable

from tidegate.streams.frame import HEAD
from tidegate.streams.status import Operation

_NUMBER, _BYTES, _TEXT = 0, 2, 3  # CBOR's major types
_SHORT, _BYTE, _TWO_BYTES = 24, 1 << 8, 1 << 16  # up to where a length takes so much


def append_to(stream: str) -> bytes:
    """Return the middle of each request that appends to `stream`, for `append_requests`."""
    name = stream.encode()
    return b"dname" + _head(_TEXT, len(name)) + name + b"gpayload"


def append_requests(request_ids: Iterable[str], middle: bytes, payloads: Iterable[bytes]) -> bytes:
    """Return a frame of `{requestId, name, payload}` for each."""
    parts: list[bytes] = []
    for request_id, payload in zip(request_ids, payloads, strict=True):
        text = request_id.encode()
        size = len(text)
        id_head = _TEXT_HEADS[size] if size < _BYTE else _head(_TEXT, size)
        head = _head(_BYTES, len(payload))
        length = 1 + len(_ID) + len(id_head) + size + len(middle) + len(head) + len(payload)
        parts += (HEAD.pack(length, _REQUEST), _ID, id_head, text, middle, head, payload)
    return b"".join(parts)


def append_answers(request_ids: Iterable[str], first: int) -> bytes:
    """Return a frame of `{requestId, status: 0, sequenceNumber}` for each, from `first` on."""
    parts: list[bytes] = []
    for sequence, request_id in enumerate(request_ids, first):
        text = request_id.encode()
        size = len(text)
        id_head = _TEXT_HEADS[size] if size < _BYTE else _head(_TEXT, size)
        number = _head(_NUMBER, sequence)
        length = 1 + len(_ID) + len(id_head) + size + len(_SEQUENCE) + len(number)
        parts += (HEAD.pack(length, _ANSWER), _ID, id_head, text, _SEQUENCE, number)
    return b"".join(parts)


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


_ID, _SEQUENCE = b"\xa3irequestId", b"fstatus\x00nsequenceNumber"
_REQUEST, _ANSWER = int(Operation.APPEND), int(Operation.APPEND_ANSWER)
_TEXT_HEADS = [_head(_TEXT, size) for size in range(_BYTE)]
