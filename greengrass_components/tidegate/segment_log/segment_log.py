"""The one crash-safe log of the gateway: records in segments, deleted a segment at a time.

Flow: writer -> [segment log] -> readers, each with a cursor
Bounded: `settings.bytes_max`; at it an append is rejected, or the oldest segments are dropped
and counted.

One file `<first sequence>.seg` each segment, so an empty one keeps the sequence over a deletion
of everything. Sequence numbers begin at 0 and never go back. A kill at any moment loses nothing
that an append has returned for: the tail it tore is cut at the next start.

Not for several threads at once. The owner calls `maintain` at least once a second: it syncs
what is due and lets old segments go.
"""

import os
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

from tidegate.segment_log.block import Block, FileBlock, MemoryBlock
from tidegate.segment_log.cursors import Cursors, replace_file
from tidegate.segment_log.errors import (
    LogError,
    LogFullError,
    LogWriteError,
    RecordTooLargeError,
)
from tidegate.segment_log.folder import locked, sync_folder
from tidegate.segment_log.record import HEADER_BYTES, Record, packed
from tidegate.segment_log.segment import Segment
from tidegate.segment_log.settings import LogSettings, Sync, WhenFull

SUFFIX = ".seg"
READ_RECORDS_MAX = 1_000
READ_BYTES_MAX = 1 << 20


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class SegmentLog:
    """A log in `folder` (made if it isn't there), or in memory where `folder` is None.

    Counters since it was opened: `dropped_records` went for want of room, `unread_records`
    of them before every cursor had passed them, `expired_records` by age; `torn_bytes` were
    cut at the start. `unsynced_records` are not known to be on the disk. Raises
    `LogLockedError` where another process has the folder, and `OSError`.
    """

    def __init__(
        self,
        folder: Path | None,
        settings: LogSettings,
        *,
        clock_ms: Callable[[], int] = _now_ms,
        ticks_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.dropped_records = self.unread_records = self.expired_records = 0
        self.torn_bytes = 0
        self._folder, self._clock_ms, self._ticks_s = folder, clock_ms, ticks_s
        self._lock_fd = locked(folder) if folder else -1
        self.cursors = Cursors(folder)
        self._closed = False
        self.unsynced_records, self._unsynced_since_s = 0, 0.0
        self._segments = self._opened(folder) if folder else []
        # A power cut may take records that a reader has finished: none gets their numbers again.
        floor = max(self.cursors.greatest() or 0, self.next_sequence if self._segments else 0)
        if not self._segments or floor > self.next_sequence:
            self._begin(floor)
        self._bases = [segment.base for segment in self._segments]
        self._closed_bytes = sum(segment.size for segment in self._segments[:-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def oldest_sequence(self) -> int:
        """Sequence number of the oldest record; `next_sequence` where there is none."""
        return self._segments[0].base

    @property
    def next_sequence(self) -> int:
        """Sequence number that the next record gets."""
        return self._segments[-1].next_sequence

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return self._closed_bytes + self._segments[-1].size

    @property
    def damaged_bytes(self) -> int:
        """Bytes of the segments here that reading had to leave out."""
        return sum(segment.damaged_bytes for segment in self._segments)

    def append(self, payload: bytes) -> int:
        """Add one record and return its sequence number; errors as in `append_many`."""
        return self.append_many((payload,))

    def append_many(self, payloads: Sequence[bytes]) -> int:
        """Add all records, or none; return the sequence number of the first.

        Raises `LogFullError` (rejected), `RecordTooLargeError`, and `LogWriteError` where the
        disk refused; those of a batch that went to earlier segments then stay: see
        `next_sequence`.
        """
        self._make_room(payloads)
        first, at_ms = self.next_sequence, self._clock_ms()
        parts: list[bytes] = []
        sequence, size = first, self._segments[-1].size
        for payload in payloads:
            if size and size + HEADER_BYTES + len(payload) > self.settings.segment_bytes:
                self._write(parts, sequence, at_ms)
                parts = []
                self._roll()
                size = 0
            parts.append(packed(sequence, at_ms, payload))
            size += HEADER_BYTES + len(payload)
            sequence += 1
        self._write(parts, sequence, at_ms)
        self._sync_as_set(len(payloads))
        return first

    def read(
        self, start: int, *, records_max: int = READ_RECORDS_MAX, bytes_max: int = READ_BYTES_MAX
    ) -> list[Record]:
        """Return records from `start` on, or from the oldest; at least one if there is any.

        What is missing between `start` and the first that is returned was dropped.
        """
        found: list[Record] = []
        place = max(0, bisect_right(self._bases, start) - 1)
        while place < len(self._segments) and len(found) < records_max and bytes_max > 0:
            records = self._segments[place].read(start, records_max - len(found), bytes_max)
            bytes_max -= sum(len(record.payload) for record in records)
            found += records
            if found and self._segments[place].next_sequence > found[-1].sequence + 1:
                break  # the next one was too large; or is damaged, and the next read passes it
            place += 1
        return found

    def release(self, before: int) -> None:
        """Delete whole segments whose every record is below `before`: nobody needs them."""
        last = self._segments[-1]
        if before >= last.next_sequence and 2 * last.size >= self.settings.segment_bytes:
            self._roll()
        while len(self._segments) > 1 and self._segments[1].base <= before:
            self._delete_oldest()

    def segments(self) -> list[tuple[int, int, int]]:
        """Return (first sequence, one past the last, bytes) of each segment, oldest first."""
        return [(one.base, one.next_sequence, one.size) for one in self._segments]

    def rewrite(self, base: int, change: Callable[[Record], bytes]) -> None:
        """Replace each payload of the closed segment at `base` by what `change` makes of it.

        Records keep their sequence numbers and times; what is damaged stays behind. A cut leaves
        the old segment or the new one. Raises `LogWriteError`, and `LogError` where no closed
        segment begins at `base`.
        """
        place = bisect_right(self._bases, base) - 1
        if not 0 <= place < len(self._segments) - 1 or self._bases[place] != base:
            raise LogError(f"no closed segment begins at {base}")
        old = self._segments[place]
        records = old.read(base, old.next_sequence - base, old.size + 1)
        data = b"".join(packed(one.sequence, one.at_ms, change(one)) for one in records)
        block: Block = MemoryBlock()
        if self._folder:
            path = self._folder / f"{base:020d}{SUFFIX}"
            try:
                replace_file(path, data)
                sync_folder(self._folder)
            except OSError as error:
                raise LogWriteError(f"{path}: {error.strerror}") from error
            old.block.close()
            block = FileBlock(path)
        else:
            block.append([data])
        new = Segment(base, block, segment_bytes=self.settings.segment_bytes)
        new.next_sequence = old.next_sequence
        self._segments[place] = new
        self._closed_bytes += new.size - old.size

    def maintain(self) -> None:
        """Sync what is due, and let segments go whose records are older than the time to live."""
        if self.unsynced_records and self._due():
            self.sync()
        if self.settings.ttl_ms is not None:
            self._expire(self._clock_ms() - self.settings.ttl_ms)

    def sync(self) -> None:
        """Return when all that was appended is on the disk; raises `LogWriteError`."""
        if self.unsynced_records:
            self._segments[-1].block.sync()
            self.unsynced_records = 0

    def close(self) -> None:
        """Sync, and let go of files and folder."""
        if self._closed:
            return
        self._closed = True
        try:
            self.sync()
        finally:
            for segment in self._segments:
                segment.block.close()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    def destroy(self) -> None:
        """Close, and delete all records and cursors for good."""
        self._closed = True
        for segment in self._segments:
            segment.block.delete()
        for reader in list(self.cursors):
            self.cursors.remove(reader)
        self.unsynced_records = 0
        if self._lock_fd >= 0 and self._folder:
            (self._folder / "lock").unlink(missing_ok=True)
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _write(self, parts: list[bytes], next_sequence: int, at_ms: int) -> None:
        if parts:
            self._segments[-1].append(parts, next_sequence, at_ms)

    def _make_room(self, payloads: Sequence[bytes]) -> None:
        bytes_max = self.settings.bytes_max
        for payload in payloads:
            if HEADER_BYTES + len(payload) > bytes_max:
                raise RecordTooLargeError(HEADER_BYTES + len(payload), bytes_max)
        need_bytes = sum(map(len, payloads)) + HEADER_BYTES * len(payloads)
        if self.size_bytes + need_bytes <= bytes_max:
            return
        if self.settings.when_full is WhenFull.REJECT or need_bytes > bytes_max:
            raise LogFullError(need_bytes, self.size_bytes, bytes_max)
        least = self.cursors.least() or 0
        while self.size_bytes + need_bytes > bytes_max:
            if len(self._segments) == 1:
                self._roll()
            oldest = self._segments[0]
            self.dropped_records += oldest.next_sequence - oldest.base
            self.unread_records += max(0, oldest.next_sequence - max(oldest.base, least))
            self._delete_oldest()

    def _expire(self, before_ms: int) -> None:
        last = self._segments[-1]
        if last.size and (last.newest_at_ms() or before_ms) < before_ms:
            self._roll()
        while len(self._segments) > 1:
            oldest, following = self._segments[:2]
            if (oldest.first_at_ms() or 0) >= before_ms:
                break  # which is known without reading it all
            at_ms = oldest.newest_at_ms() or following.first_at_ms()
            if at_ms is None or at_ms >= before_ms:
                break
            self.expired_records += oldest.next_sequence - oldest.base
            self._delete_oldest()

    def _sync_as_set(self, records: int) -> None:
        if not self.unsynced_records:
            self._unsynced_since_s = self._ticks_s()
        self.unsynced_records += records
        settings = self.settings
        full = settings.sync is Sync.BATCH and self.unsynced_records >= settings.sync_batch_records
        if settings.sync is Sync.EACH or full or self._due():
            self.sync()

    def _due(self) -> bool:
        waited_s = self._ticks_s() - self._unsynced_since_s
        return waited_s * 1_000 >= self.settings.sync_interval_ms

    def _roll(self) -> None:
        last = self._segments[-1]
        last.block.sync()
        self.unsynced_records = 0
        self._begin(last.next_sequence)
        last.block.close()
        self._closed_bytes += last.size
        self._bases.append(last.next_sequence)

    def _begin(self, base: int) -> None:
        block: Block = MemoryBlock()
        if self._folder:
            path = self._folder / f"{base:020d}{SUFFIX}"
            block = FileBlock(path)
            try:
                path.touch(0o600)
                sync_folder(self._folder)
            except OSError as error:
                raise LogWriteError(f"{path}: {error.strerror}") from error
        self._segments.append(Segment(base, block, segment_bytes=self.settings.segment_bytes))

    def _delete_oldest(self) -> None:
        oldest = self._segments.pop(0)
        self._bases.pop(0)
        self._closed_bytes -= oldest.size
        oldest.block.delete()

    def _opened(self, folder: Path) -> list[Segment]:
        paths = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())
        segments = [
            Segment(int(path.stem), FileBlock(path), segment_bytes=self.settings.segment_bytes)
            for path in paths
        ]
        for segment, following in pairwise(segments):
            segment.next_sequence = following.base
        if segments:
            self.torn_bytes = segments[-1].recover()
        return segments
