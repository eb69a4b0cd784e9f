"""Export to a Kinesis data stream: a record each message.

What Kinesis refuses of a batch is sent again, and what it took is not. Partition key: the
export's `partitionKey`; else that of an aggregate of the Kinesis Producer Library, since
consumers drop parts whose key leads to another shard; else a random one, as AWS's server does.
"""

import uuid
from collections.abc import Sequence

from tidegate.kinesis.client import KinesisClient
from tidegate.kinesis.errors import KinesisError
from tidegate.segment_log import Record
from tidegate.streams.exports.aws_access import AwsAccess
from tidegate.streams.exports.sender import Sent

_MAGIC = b"\xf3\x89\x9a\xc2"
_KEY_FIELD = 0x0A  # protobuf: field 1, partition_key_table, a byte string
_KEY_BYTES_MAX = 127  # longer ones are not worth reading a longer number for


class KinesisSender:
    """Puts messages into `stream_name`."""

    def __init__(
        self, access: AwsAccess, stream_name: str, partition_key: str | None = None
    ) -> None:
        url = access.endpoints.get("kinesis") or f"https://kinesis.{access.region}.amazonaws.com"
        self._client = KinesisClient(
            stream=stream_name,
            region=access.region,
            credentials=access.credentials,
            endpoint_url=url,
            proxy=access.proxy_to(url),
        )
        self._partition_key = partition_key
        self._taken: set[int] = set()  # of the present batch: it is asked for again from its first

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Put those of `records` that Kinesis has not taken yet."""
        del stream
        self._taken &= {record.sequence for record in records}
        left = [record for record in records if record.sequence not in self._taken]
        error, taken = None, 0
        try:
            results = self._client.put_records(
                [(self._key(record.payload), record.payload) for record in left]
            )
        except KinesisError as failure:
            error = str(failure)
        else:
            for record, result in zip(left, results, strict=True):
                if result.code is None:
                    self._taken.add(record.sequence)
                    taken += 1
                else:
                    error = f"{result.code}: {result.message}"
        finished = 0
        while finished < len(records) and records[finished].sequence in self._taken:
            finished += 1
        return Sent(finished, error, progressed=taken > 0)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _key(self, payload: bytes) -> str:
        return self._partition_key or key_inside(payload) or str(uuid.uuid4())


def key_inside(payload: bytes) -> str | None:
    """Return the first partition key of an aggregate, None where `payload` is none."""
    at = len(_MAGIC)
    if not payload.startswith(_MAGIC) or len(payload) < at + 2 or payload[at] != _KEY_FIELD:
        return None
    size = payload[at + 1]
    if not 0 < size <= _KEY_BYTES_MAX:
        return None
    try:
        return payload[at + 2 : at + 2 + size].decode()
    except UnicodeDecodeError:
        return None
