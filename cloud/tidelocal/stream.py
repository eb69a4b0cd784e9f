"""The records of every Kinesis shard: kept before they are taken, bounded, forgotten in time.

Flow: PutRecord(s), rule -> [stream: journal, then memory] -> mappings, GetRecords
Bounded: what every mapping has passed is forgotten beyond CONSUMED_BYTES_MAX a shard or after
the stream's retention. Beyond UNCONSUMED_BYTES_MAX a put is refused (`StreamFullError`) and its
sender waits; nothing that was taken is dropped for room.
"""

import itertools
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex

from tidelocal.errors import StreamFullError
from tidelocal.host import Host
from tidelocal.journal import Entry, Journal

CONSUMED_BYTES_MAX = 16 * 1024 * 1024
UNCONSUMED_BYTES_MAX = 256 * 1024 * 1024  # days of a house; minutes of a runaway sender
RECORD_BYTES = 400  # what a record costs beside its data
_CLOCK_DIGITS, _COUNT_DIGITS = 20, 10
SEQUENCE_NUMBER_DIGITS = _CLOCK_DIGITS + _COUNT_DIGITS

Record = dict[str, Any]
log = logging.getLogger(__name__)


class ShardRecords(list[Record]):
    """A shard's records as MiniStack sees them: appending writes the journal first."""

    def __init__(
        self,
        stream: str,
        shard: str,
        *,
        journal: Journal,
        wake: Callable[[], None],
        bytes_max: int,
    ) -> None:
        super().__init__()
        self.stream, self.shard = stream, shard
        self._journal, self._wake, self._bytes_max = journal, wake, bytes_max
        self.bytes = 0

    def append(self, record: Record) -> None:
        """Take `record`; raises `BackPressureError` and takes nothing."""
        size = RECORD_BYTES + len(record["Data"])
        if self.bytes + size > self._bytes_max:
            raise StreamFullError(self.stream, self.bytes, self._bytes_max)
        self._journal.append(
            Entry(
                self.stream,
                self.shard,
                record["SequenceNumber"],
                int(record["ApproximateArrivalTimestamp"] * 1000),
                record["PartitionKey"],
                record["Data"],
            )
        )
        self.bytes += size
        super().append(record)
        self._wake()

    def restore(self, entry: Entry) -> None:
        """Put back a record that the journal has already."""
        self.bytes += RECORD_BYTES + len(entry.data)
        super().append(
            {
                "SequenceNumber": entry.sequence_number,
                "ApproximateArrivalTimestamp": entry.arrival_ms / 1000,
                "Data": entry.data,
                "PartitionKey": entry.partition_key,
            }
        )

    def forget(self, count: int) -> None:
        """Drop the oldest `count` records."""
        self.bytes -= sum(RECORD_BYTES + len(record["Data"]) for record in self[:count])
        del self[:count]

    def after(self, sequence_number: str, count: SupportsIndex) -> list[Record]:
        """Return up to `count` records that follow `sequence_number`."""
        start = self.index_after(sequence_number)
        return self[start : start + int(count)]

    def index_after(self, sequence_number: str) -> int:
        """Return where the records that follow `sequence_number` begin."""
        return bisect_right(self, sequence_number, key=_number)


class Streams:
    """Every shard's records, and the numbers they get."""

    def __init__(
        self,
        *,
        host: Host,
        journal: Journal,
        clock_ms: Callable[[], int],
        consumed_bytes_max: int = CONSUMED_BYTES_MAX,
        unconsumed_bytes_max: int = UNCONSUMED_BYTES_MAX,
    ) -> None:
        self._host, self._journal, self._clock_ms = host, journal, clock_ms
        self._consumed_bytes_max = consumed_bytes_max
        self._shard_bytes_max = consumed_bytes_max + unconsumed_bytes_max
        self._on_arrival: Callable[[], None] = lambda: None
        self._last_ms, self._count = 0, itertools.count(1)
        self.expired_unread = 0

    def listen(self, on_arrival: Callable[[], None]) -> None:
        """Call `on_arrival` whenever a record was taken."""
        self._on_arrival = on_arrival

    def next_sequence_number(self) -> str:
        """Return a number above every earlier one, also after a restart and a clock set back."""
        self._last_ms = max(self._last_ms, self._clock_ms())
        return f"{self._last_ms:0{_CLOCK_DIGITS}d}{next(self._count):0{_COUNT_DIGITS}d}"

    def continue_above(self, sequence_number: str) -> None:
        """Give out numbers above `sequence_number` alone, whatever the clock says today."""
        self._last_ms = max(self._last_ms, int(sequence_number[:_CLOCK_DIGITS]) + 1)

    def restore(self) -> int:
        """Put the journal's records back into the shards that exist; return how many."""
        self.adopt()
        shards = {(records.stream, records.shard): (records, first)
                  for records, first in self._shards()}  # fmt: skip
        restored = 0
        for entry in self._journal.replay():
            self.continue_above(entry.sequence_number)
            found = shards.get((entry.stream, entry.shard))
            # A stream made anew under an old name does not get the old one's records.
            if found and entry.sequence_number > found[1]:
                found[0].restore(entry)
                restored += 1
        return restored

    def adopt(self) -> None:
        """Take over the record lists of streams and shards that were made since."""
        for stream in self._host.streams.all():
            for shard_id, shard in stream["shards"].items():
                if isinstance(shard["records"], ShardRecords):
                    continue
                records = ShardRecords(
                    stream["StreamARN"],
                    shard_id,
                    journal=self._journal,
                    wake=self._arrived,
                    bytes_max=self._shard_bytes_max,
                )
                for record in shard["records"]:
                    records.append(record)
                shard["records"] = records

    def shards_of(self, stream_arn: str) -> dict[str, ShardRecords]:
        """Return a stream's records by shard; empty when there is no such stream."""
        for stream in self._host.streams.all():
            if stream["StreamARN"] == stream_arn:
                return {
                    shard_id: shard["records"]
                    for shard_id, shard in stream["shards"].items()
                    if isinstance(shard["records"], ShardRecords)
                }
        return {}

    def forget(self, consumed: Callable[[str, str], str | None]) -> None:
        """Forget what is too old, or too much and consumed.

        `consumed(stream, shard)` is the sequence number up to which every mapping has gone;
        None when no mapping reads the shard.
        """
        now_ms = self._clock_ms()
        lowest: dict[tuple[str, str], str] = {}
        for stream in self._host.streams.all():
            cutoff = (now_ms - stream["RetentionPeriodHours"] * 3_600_000) / 1000
            for shard_id, shard in stream["shards"].items():
                records = shard["records"]
                if not isinstance(records, ShardRecords):
                    continue
                position = consumed(records.stream, records.shard)
                read = len(records) if position is None else records.index_after(position)
                count = _surplus(records[:read], records.bytes - self._consumed_bytes_max)
                expired = bisect_right(
                    records, cutoff, key=lambda record: record["ApproximateArrivalTimestamp"]
                )
                if expired > read:
                    self.expired_unread += expired - read
                    log.error("records expired unread stream=%s count=%d",
                              records.stream, expired - read)  # fmt: skip
                self._drop(records, max(count, expired))
                lowest[records.stream, shard_id] = (
                    records[0]["SequenceNumber"] if records else "~"  # above every digit
                )
        self._journal.forget(
            lambda stream_arn, shard_id, number: lowest.get((stream_arn, shard_id), "~") > number
        )

    def _arrived(self) -> None:
        self._on_arrival()

    def _drop(self, records: ShardRecords, count: int) -> None:
        if not count:
            return
        records.forget(count)
        # MiniStack's iterators are indexes into the list.
        for iterator in self._host.streams.iterators():
            if (iterator["stream_arn"], iterator["shard_id"]) == (records.stream, records.shard):
                iterator["position"] = max(0, iterator["position"] - count)

    def _shards(self) -> Iterable[tuple[ShardRecords, str]]:
        for stream in self._host.streams.all():
            for shard in stream["shards"].values():
                yield shard["records"], shard["starting_sequence_number"]


def _number(record: Record) -> str:
    return str(record["SequenceNumber"])


def _surplus(consumed: list[Record], surplus_bytes: int) -> int:
    """Return how many of the oldest consumed records make up `surplus_bytes`."""
    count = 0
    for record in consumed:
        if surplus_bytes <= 0:
            break
        surplus_bytes -= RECORD_BYTES + len(record["Data"])
        count += 1
    return count
