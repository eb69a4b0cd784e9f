"""Open records that a Kinesis producer aggregated.

The format is the Kinesis Producer Library's: four magic bytes, a protobuf message
`{1: partition keys, 2: hash keys, 3: records {1: key index, 3: data}}`, and its MD5.
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from tidecloud.errors import RecordError
from tidecloud.record import Record

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
# A record has at most 10 MiB and a useful part at least a dozen bytes or so; more parts than
# this are an attempt to blow up the function.
PARTS_MAX = 100_000

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX = 10


def is_aggregated(data: bytes) -> bool:
    """Tell whether a record's data is an aggregate."""
    return data.startswith(MAGIC)


def parts_of(record: Record) -> list[Record]:
    """Return the records inside an aggregated one, in order; raises `RecordError`."""
    body, digest = record.data[len(MAGIC) : -_DIGEST_BYTES], record.data[-_DIGEST_BYTES:]
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        raise RecordError("aggregate", "the aggregate's MD5 does not match its content")
    partition_keys: list[str] = []
    parts: list[tuple[int, bytes]] = []
    for field, value in _fields(body):
        if field == 1 and isinstance(value, bytes):
            partition_keys.append(_text(value))
        elif field == 3 and isinstance(value, bytes):  # noqa: PLR2004  the format's field number
            parts.append(_part(value))
            if len(parts) > PARTS_MAX:
                raise RecordError("aggregate", f"more than {PARTS_MAX} parts")
    if any(index >= len(partition_keys) for index, _ in parts):
        raise RecordError("aggregate", "a part names a partition key that is not there")
    return [
        replace(record, partition_key=partition_keys[index], data=data, part=number)
        for number, (index, data) in enumerate(parts)
    ]


def _part(message: bytes) -> tuple[int, bytes]:
    index, data = None, None
    for field, value in _fields(message):
        if field == 1 and isinstance(value, int):
            index = value
        elif field == 3 and isinstance(value, bytes):  # noqa: PLR2004  the format's field number
            data = value
    if index is None or data is None:
        raise RecordError("aggregate", "a part lacks its partition key or its data")
    return index, data


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protobuf message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise RecordError("aggregate", f"unknown protobuf wire type {kind}")
        if at + size > len(message):
            raise RecordError("aggregate", f"need {size} bytes, have {len(message) - at}")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(_VARINT_BYTES_MAX):
        if at >= len(message):
            raise RecordError("aggregate", "the aggregate ends inside a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004  the continuation bit
            return value, at
    raise RecordError("aggregate", f"a number of more than {_VARINT_BYTES_MAX} bytes")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RecordError("aggregate", f"a partition key is not UTF-8: {error}") from error
