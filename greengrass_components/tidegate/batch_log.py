"""The batches that no sink has finished yet, on the disk, in order.

Flow: batching -> [batch log] -> uplink
Bounded by `bytes_max`. When it is full the policy says what goes: nothing and the newest is
refused, the oldest segment, or every second sample of the segments that are thinned least.
What goes is counted by samples, and the counts survive a restart.

A record is a head and a tidewire batch; the head has what would else need decoding.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tidegate.errors import GateError
from tidegate.pressure import Pressure
from tidegate.quick_encoder import quick_encode
from tidegate.segment_log import Cursor, LogSettings, Record, SegmentLog, Sync, WhenFull
from tidegate.segment_log.errors import LogWriteError
from tidewire import Batch, Column, decode

MEBIBYTE = 1 << 20
BYTES_MAX = 512 * MEBIBYTE  # two days of a thousand tags a second
BYTES_MIN = 256 * 1024  # two of the largest batches
SEGMENTS_MIN = 8  # dropped by the segment, so that little goes at a time
SEGMENT_BYTES_MAX = 4 * MEBIBYTE
IN_FLIGHT_BYTES_MAX = 8 * MEBIBYTE  # of one sink: sent, and not known to be taken
THINNED_MAX = 7  # halvings of a batch; then it goes whole
_HEAD = struct.Struct(">BBHBQQ")  # see `_pack`


class WhenOutboxFull(StrEnum):
    """What becomes of samples for which there is no room."""

    REJECT = "reject"
    DROP_OLDEST = "drop-oldest"
    DECIMATE = "decimate"


class OutboxFullError(GateError):
    """The outbox has no room, and its policy is to reject: stop polling until it has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch in the log; `number` is its place there, `row` the last journal row in it."""

    number: int
    thing: str
    sequence: int
    row: int
    samples: int
    thinned: int
    stream: str
    payload: bytes


@dataclass(slots=True)
class Dropped:
    """What went unsent, since the outbox was made."""

    batches: int = 0
    samples: int = 0
    samples_decimated: int = 0
    samples_rejected: int = 0
    samples_refused: int = 0  # that no batch takes; set aside in a file


class BatchLog:
    """Batches in a `SegmentLog`, with a cursor for each sink."""

    def __init__(
        self,
        folder: Path | None,
        *,
        bytes_max: int = BYTES_MAX,
        when_full: WhenOutboxFull = WhenOutboxFull.DROP_OLDEST,
        sync: Sync = Sync.INTERVAL,
        sync_interval_ms: int = 1_000,
        pressure: Pressure | None = None,
    ) -> None:
        if bytes_max < BYTES_MIN:
            raise GateError(f"an outbox of {bytes_max} bytes, {BYTES_MIN} are the least")
        segment_bytes = min(SEGMENT_BYTES_MAX, bytes_max // SEGMENTS_MIN)
        settings = LogSettings(
            bytes_max=bytes_max,
            segment_bytes=segment_bytes,
            when_full=WhenFull.REJECT,
            sync=sync,
            sync_interval_ms=sync_interval_ms,
        )
        self.log = SegmentLog(folder, settings)
        self.when_full = when_full
        self.pressure = pressure or Pressure()
        self.dropped = Dropped()
        self._room_bytes = bytes_max - segment_bytes  # the rest is for what was accepted already
        self._read_to = max((self._cursor(sink) for sink in self.log.cursors), default=0)
        # Told before batches below a number go, so that their facts can be kept.
        self.before_delete: Callable[[int], None] = lambda _: None
        self._thinned: dict[int, int] = {}  # first number of a segment: halvings
        self.pressure.update(self.fill)

    @property
    def fill(self) -> float:
        """How full it is, 0.0 to 1.0."""
        return min(1.0, self.log.size_bytes / self._room_bytes)

    def check_room(self, gathered_bytes: int) -> None:
        """Raise `OutboxFullError` where the policy is to reject and there is no room.

        `gathered_bytes` is what samples that were accepted before will need.
        """
        used, room = self.log.size_bytes + gathered_bytes, self._room_bytes
        if self.when_full is WhenOutboxFull.REJECT and used >= room:
            raise OutboxFullError(f"the outbox has {used} of {room} bytes: no sink takes them")

    def append(
        self, *, thing: str, stream: str, sequence: int, row: int, samples: int, payload: bytes
    ) -> int:
        """Keep one batch and return its number; raises `LogError`s of the disk."""
        number = self.log.next_sequence
        record = _pack(Entry(number, thing, sequence, row, samples, 0, stream, payload))
        if self.when_full is not WhenOutboxFull.REJECT:
            while self.log.size_bytes + len(record) > self._room_bytes and self._make_room():
                pass
        number = self.log.append(record)
        self.pressure.update(self.fill)
        return number

    def join(self, sink: str) -> int:
        """Give `sink` a cursor where it has none, at the oldest batch; returns where it is."""
        if self.log.cursors.get(sink) is None:
            self.log.cursors.put(sink, Cursor(self.log.oldest_sequence))
        return self._cursor(sink)

    def read(self, number: int, *, bytes_max: int = MEBIBYTE) -> list[Entry]:
        """Return batches from `number` on that are on the disk, or from the oldest there is.

        What is not synced yet is not given out: a power cut might take it back, and its
        sequence numbers would be given twice.
        """
        end = self.log.next_sequence - self.log.unsynced_records
        entries = [one for one in self.peek(number, bytes_max=bytes_max) if one.number < end]
        if entries:
            self._read_to = max(self._read_to, entries[-1].number + 1)
        return entries

    def peek(self, number: int, *, bytes_max: int = MEBIBYTE) -> list[Entry]:
        """Return batches from `number` on, for a look: nobody is going to send them."""
        return [entry_of(record) for record in self.log.read(number, bytes_max=bytes_max)]

    def finish(self, sink: str, next_number: int) -> None:
        """Note that `sink` has all batches below `next_number`; what nobody needs goes."""
        before = self._cursor(sink)
        if next_number <= before:
            return
        count = (self.log.cursors.get(sink) or Cursor()).records + next_number - before
        self.log.cursors.put(sink, Cursor(next_number, records=count))
        self.release()

    def release(self) -> None:
        """Delete the segments that every sink is through with, those of other processes too."""
        self.log.cursors.reload()
        self._delete(self.log.cursors.least() or 0)
        self.pressure.update(self.fill)

    def waiting(self, sink: str) -> int:
        """Return how many batches `sink` has before it."""
        return self.log.next_sequence - max(self._cursor(sink), self.log.oldest_sequence)

    def _cursor(self, sink: str) -> int:
        cursor = self.log.cursors.get(sink)
        return cursor.next_sequence if cursor else 0

    def _make_room(self) -> bool:
        """Let something go; returns whether there was something that may."""
        closed = self.log.segments()[:-1]
        if not closed:
            return False
        if self.when_full is WhenOutboxFull.DECIMATE and self._thin(closed):
            return True
        first, following, _ = closed[0]
        least = self.log.cursors.least() or 0
        for record in self.log.read(first, records_max=following - first, bytes_max=1 << 30):
            if least <= record.sequence < following:
                self.dropped.batches += 1
                self.dropped.samples += entry_of(record).samples
        self._thinned.pop(first, None)
        self._delete(following)
        return True

    def _delete(self, before: int) -> None:
        segments, half = self.log.segments(), self.log.settings.segment_bytes // 2
        _, following, size = segments[0]
        if following <= before and (len(segments) > 1 or size >= half):
            self.before_delete(before)
            self.log.release(before)

    def _thin(self, closed: list[tuple[int, int, int]]) -> bool:
        """Halve the samples of the segment that was halved least, the oldest such.

        Not of one that a sink may be sending: the store would have samples of the same batch
        that its ledger does not count.
        """
        free = [base for base in self._out_of_reach(closed) if self._level(base) < THINNED_MAX]
        if not free:
            return False
        base = min(free, key=lambda base: (self._level(base), base))
        before = self.log.size_bytes
        try:
            self.log.rewrite(base, self._halved)
        except LogWriteError:
            return False  # no room for the new file either: the oldest segment goes
        self._thinned[base] = self._level(base) + 1
        if self.log.size_bytes >= before:  # single samples: nothing to halve
            self._thinned[base] = THINNED_MAX
        return True

    def _out_of_reach(self, closed: list[tuple[int, int, int]]) -> list[int]:
        """Return the segments that no sink has on its way, be it one of another process."""
        reach_bytes = min(IN_FLIGHT_BYTES_MAX, self.log.settings.bytes_max // 4)
        furthest = max((self._cursor(sink) for sink in self.log.cursors), default=0)
        found = []
        for base, following, size in closed:
            if following > furthest and reach_bytes > 0:
                reach_bytes -= size
            elif base >= max(self._read_to, furthest):
                found.append(base)
        return found

    def _level(self, base: int) -> int:
        if base not in self._thinned:
            records = self.log.read(base, records_max=1)
            self._thinned[base] = entry_of(records[0]).thinned if records else THINNED_MAX
        return self._thinned[base]

    def _halved(self, record: Record) -> bytes:
        entry = entry_of(record)
        batch = decode(entry.payload)
        columns = [Column(c.name, c.kind, c.decimals, c.values[::2]) for c in batch.columns]
        thinner = quick_encode(Batch(*batch[:5], batch.times_ms[::2], columns))
        samples = (entry.samples + 1) // 2
        self.dropped.samples_decimated += entry.samples - samples
        thinned = entry.thinned + 1
        return _pack(replace(entry, samples=samples, thinned=thinned, payload=thinner))


def _pack(entry: Entry) -> bytes:
    """Head: bytes of both names, samples, halvings, sequence, journal row; names; payload."""
    thing, stream = entry.thing.encode(), entry.stream.encode()
    head = _HEAD.pack(
        len(thing), len(stream), entry.samples, entry.thinned, entry.sequence, entry.row
    )
    return b"".join((head, thing, stream, entry.payload))


def entry_of(record: Record) -> Entry:
    """Return what a record of the log holds."""
    data = record.payload
    thing_bytes, stream_bytes, samples, thinned, sequence, row = _HEAD.unpack_from(data)
    middle = _HEAD.size + thing_bytes
    end = middle + stream_bytes
    return Entry(
        record.sequence,
        data[_HEAD.size : middle].decode(),
        sequence,
        row,
        samples,
        thinned,
        data[middle:end].decode(),
        data[end:],
    )
