"""How a record lies in a segment: a head, then its payload.

`u32 payload bytes | u32 crc | u64 sequence | u64 epoch ms | payload`, big-endian. The CRC-32 is
of all that stands behind it. 24 zero bytes, which a file system may leave after a power cut,
are no record: their CRC would not be zero.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

HEADER = struct.Struct(">IIQQ")
HEADER_BYTES = HEADER.size
SEQUENCE_AT = 8  # within a head
_NOT_ZERO = re.compile(rb"[^\0]")
TAIL = struct.Struct(">QQ")
PAYLOAD_BYTES_MAX = (1 << 30) - 1024  # what a frame of the stream protocol can hold


class Record(NamedTuple):
    """One record: `at_ms` is when the log took it (epoch milliseconds)."""

    sequence: int
    at_ms: int
    payload: bytes


def packed(sequence: int, at_ms: int, payload: bytes) -> bytes:
    """Return the record as it lies in a segment."""
    crc = zlib.crc32(payload, zlib.crc32(TAIL.pack(sequence, at_ms)))
    return HEADER.pack(len(payload), crc, sequence, at_ms) + payload


def whole(data: bytes | memoryview, offset: int, sequence_min: int) -> Record | None:
    """Return the record at `offset` of `data`, None where none stands there whole.

    A record of a sequence below `sequence_min` is none: what an older life of the file left.
    """
    start = offset + HEADER_BYTES
    if start > len(data):
        return None
    size, crc, sequence, at_ms = HEADER.unpack_from(data, offset)
    if sequence < sequence_min or start + size > len(data):
        return None
    payload = bytes(data[start : start + size])
    if zlib.crc32(payload, zlib.crc32(TAIL.pack(sequence, at_ms))) != crc:
        return None
    return Record(sequence, at_ms, payload)


def sound(data: bytes | memoryview, sequence_min: int) -> Iterator[tuple[int, Record]]:
    """Yield (offset, record) of `data` up to the first that is torn or damaged."""
    offset = 0
    while record := whole(data, offset, sequence_min):
        yield offset, record
        offset += HEADER_BYTES + len(record.payload)
        sequence_min = record.sequence + 1


def behind_damage(data: bytes, offset: int, sequence_min: int, sequence_end: int) -> int | None:
    """Return where the next sound record stands from `offset` on, None where there is none.

    Its sequence is within the bounds. Looks at every byte, since what says where a record ends may
    be what is damaged: for the leading bytes that all sequences of the bounds share, at the speed
    of `bytes.find`, and past zeros in one step.
    """
    low, high = (number.to_bytes(8, "big") for number in (sequence_min, sequence_end - 1))
    shared = low[: next((n for n in range(8) if low[n] != high[n]), 8)]
    last = len(data) - HEADER_BYTES
    at = offset
    while at <= last:
        at = data.find(shared, at + SEQUENCE_AT) - SEQUENCE_AT
        if not offset <= at <= last:
            return None
        sequence = int(HEADER.unpack_from(data, at)[2])
        if sequence_min <= sequence < sequence_end and whole(data, at, sequence_min):
            return at
        if not data[at : at + HEADER_BYTES].strip(b"\0"):
            filled = _NOT_ZERO.search(data, at)
            if filled is None:
                return None
            at = filled.start() - HEADER_BYTES
        at += 1
    return None
