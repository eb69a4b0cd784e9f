"""Put many user records into one record of the stream, as the Kinesis Producer Library does.

Flow: batches -> [Aggregate] -> PutRecords
Bounded by `bytes_max`: `fits` says no before an aggregate grows above it; a single user record
that is larger than that makes an aggregate of its own.

The layout is four magic bytes, a protobuf message `{1: partition keys, 3: records {1: index of
the key, 3: data}}` and its MD5. There is one partition key, that of the record itself: consumers
of KCL 2 and later drop, and tell nobody, what lies in another shard than its key would.
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from hashlib import md5

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
# As the KPL has it; two of Kinesis's billing units of 25 KiB.
AGGREGATE_BYTES_MAX = 51_200

_KEY_TAG, _RECORD_TAG, _DATA_TAG = b"\x0a", b"\x1a", b"\x1a"
_KEY_INDEX = b"\x08\x00"  # the first key, the only one


class Aggregate:
    """User records with one partition key, in the order that they were added."""

    def __init__(self, partition_key: str, *, bytes_max: int = AGGREGATE_BYTES_MAX) -> None:
        key = partition_key.encode()
        self._head = b"".join((_KEY_TAG, varint(len(key)), key))
        self._parts: list[bytes] = []
        self.bytes_max = bytes_max
        self.partition_key = partition_key
        self.bytes = len(MAGIC) + len(self._head) + DIGEST_BYTES
        self.records = 0

    def fits(self, data_bytes: int) -> bool:
        """Whether a user record of that size may be added; the first one always may."""
        return not self.records or self.bytes + _framed_bytes(data_bytes) <= self.bytes_max

    def add(self, data: bytes) -> None:
        """Take one user record."""
        inner = len(_KEY_INDEX) + 1 + _varint_bytes(len(data)) + len(data)
        self._parts += (
            _RECORD_TAG + varint(inner) + _KEY_INDEX + _DATA_TAG + varint(len(data)),
            data,
        )
        self.bytes += _framed_bytes(len(data))
        self.records += 1

    def encode(self) -> bytes:
        """Return the record of the stream, `bytes` long."""
        message = b"".join((self._head, *self._parts))
        return b"".join((MAGIC, message, md5(message, usedforsecurity=False).digest()))


def varint(number: int) -> bytes:
    """Return `number` (>= 0) in groups of 7 bits, the lowest first; all but the last have 0x80."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint_bytes(number: int) -> int:
    return max(1, (number.bit_length() + 6) // 7)


def _framed_bytes(data_bytes: int) -> int:
    inner = len(_KEY_INDEX) + 1 + _varint_bytes(data_bytes) + data_bytes
    return 1 + _varint_bytes(inner) + inner
