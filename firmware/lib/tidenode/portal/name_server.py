"""Answer every name with the board's own address, so that a phone opens the page by itself."""

import socket
import struct
from asyncio import core  # type: ignore[attr-defined]  # MicroPython's

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

QUERY_BYTES_MAX = 512
_HEAD_BYTES = 12
_A, _ANY, _IN = 1, 255, 1


def answer(query: bytes, address: str) -> "bytes | None":
    """Return the answer to `query` (RFC 1035), None to what is none."""
    if not _HEAD_BYTES < len(query) <= QUERY_BYTES_MAX:
        return None
    number, flags, questions = struct.unpack(">HHH", query[:6])
    if flags & 0xF800 or questions != 1:  # an answer, another operation
        return None
    at = _HEAD_BYTES
    while at < len(query) and query[at]:
        if query[at] > 63:
            return None
        at += query[at] + 1
    end = at + 5
    if end > len(query):
        return None
    kind, family = struct.unpack(">HH", query[at + 1 : end])
    ours = kind in (_A, _ANY) and family == _IN
    head = struct.pack(">HHHHHH", number, 0x8400 | flags & 0x0100, 1, int(ours), 0, 0)
    made = head + query[_HEAD_BYTES:end]
    if ours:
        # For no time: once it is on another network, the phone is to ask again.
        made += struct.pack(">HHHIH", 0xC00C, _A, _IN, 0, 4)
        made += bytes([int(part) for part in address.split(".")])
    return made


async def answer_for_ever(address: str, port: int) -> None:
    """Serve on `port` of `address`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.setblocking(False)
        listener.bind(socket.getaddrinfo(address, port, 0, socket.SOCK_DGRAM)[0][-1])
        while True:
            await _until_readable(listener)
            try:
                query, asker = listener.recvfrom(QUERY_BYTES_MAX)
                made = answer(query, address)
                if made:
                    listener.sendto(made, asker)
            except OSError:
                continue  # who asked has gone
    finally:
        listener.close()


def _until_readable(stream: "Any") -> "Any":
    yield core._io_queue.queue_read(stream)
