"""MiniStack's Kinesis streams, whose records we number, keep and deliver ourselves."""

from collections.abc import Callable
from typing import Any, cast

from tidelocal.host.modules import Modules


class HostedStreams:
    """Streams, shards and iterators."""

    def __init__(self, m: Modules) -> None:
        self._kinesis, self._lambda = m["kinesis"], m["lambda_svc"]
        self.adopt: Callable[[], None] = lambda: None

    def replace_upkeep(
        self, next_sequence_number: Callable[[], str], adopt: Callable[[], None]
    ) -> None:
        """Leave expiry, numbering, delivery and the keeping of records to us.

        `adopt` runs before a rule's record is put: its stream may be new.
        """
        kinesis, self.adopt = self._kinesis, adopt
        self._lambda._poll_kinesis = lambda: False
        kinesis._expire_records = lambda _stream: None
        kinesis._next_sequence_number = next_sequence_number
        get_state = kinesis.get_state

        def get_state_without_records() -> dict[str, Any]:
            kept = {
                stream_key: {shard_id: shard["records"] for shard_id, shard in shards.items()}
                for stream_key, stream in kinesis._streams._data.items()
                if (shards := stream["shards"]) is not None
            }
            try:
                for stream in kinesis._streams._data.values():
                    for shard in stream["shards"].values():
                        shard["records"] = []
                return cast("dict[str, Any]", get_state())
            finally:
                for stream_key, records in kept.items():
                    for shard_id, shard in kinesis._streams._data[stream_key]["shards"].items():
                        shard["records"] = records[shard_id]

        kinesis.get_state = get_state_without_records

    def all(self) -> list[dict[str, Any]]:
        """Return the streams: StreamARN, RetentionPeriodHours and `shards` by id."""
        return list(self._kinesis._streams._data.values())

    def iterators(self) -> list[dict[str, Any]]:
        """Return the open shard iterators: stream_arn, shard_id and position."""
        return list(self._kinesis._shard_iterators._data.values())
