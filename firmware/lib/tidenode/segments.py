"""Store an outbox as immutable files on LittleFS, each as many batches as were gathered.

Bounded: at `bytes_max`, or when the flash is full, the oldest file is dropped and counted.
Everything recovery needs stands in the names, each change of which is one atomic commit:

    <first sequence>.<batches>.<samples>.<bytes>   a segment; `tidenode.record` has its inside
    <sequence>.sent                the newest segment, acknowledged
    <dropped>.<sequence>.dropped   samples ever dropped, and the newest batch that was dropped
                                   when they were counted; a dropped segment renamed
    new                            a segment being written; never read

The newest name keeps the sequence, so that it goes on after a restart with nothing queued.
"""

import os

from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.record import DAMAGED, SIZE_BYTES_MAX, Reader, head_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tidenode.record import Batch
    from tidenode.recovery import Recovered

    Segment = tuple[int, int, int, int]  # as in a name

_NEW = "new"
_ENOSPC = 28  # LittleFS's number on every port; MicroPython's errno has no name for it
_HEAD_BYTES = 71  # of one record, at the most


class Segments:
    """The files in `folder`, as `found` there. `queued_bytes` is the flash that they occupy."""

    def __init__(
        self, *, folder: str, found: "Recovered", bytes_max: int, block_bytes: int = 4096
    ) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._block_bytes = block_bytes
        self.chunk_bytes = block_bytes
        self.batch_bytes_max = min(SIZE_BYTES_MAX, bytes_max - _HEAD_BYTES)
        self._reader: Reader | None = None
        self._reading: Segment | None = None  # what it reads
        self._segments: list[Segment] = found.segments
        self._sent: int = found.sent  # the newest batch, where it was acknowledged
        self.dropped: int = found.dropped
        self._tally_sequence: int = found.tally_sequence
        # The name that holds `dropped`.
        self._tally = ""
        if found.tally_sequence >= 0:
            self._tally = _tally(found.dropped, found.tally_sequence)
        newest = max(self._sent, self._tally_sequence)
        if self._segments:
            newest = max(newest, _end(self._segments[-1]) - 1)
        self.next_sequence = newest + 1
        self.cursor = self.erases = self.queued_bytes = 0
        for segment in self._segments:
            self.queued_bytes += self._occupied(segment[3])
        for name in found.stale:
            self._remove(name)

    def following(self, sequence: int) -> int:
        """Return the first sequence, `sequence` or after it, that has a record."""
        for segment in self._segments:
            if _end(segment) > sequence:
                return max(segment[0], sequence)
        after_all: int = max(self.next_sequence, sequence)
        return after_all

    def batches_from(self, sequence: int) -> int:
        """Return how many records there are from `sequence` on."""
        count = 0
        for one in self._segments:
            count += max(0, _end(one) - max(one[0], sequence))
        return count

    def write(self, batches: "Sequence[Batch]", unsent: "Callable[[int, int], int]") -> None:
        """Keep `batches` from `next_sequence` on, in one file; durable on return.

        `unsent(begin, end)` returns the samples that are dropped with these sequences. Raises
        OutboxError, having counted them as dropped, where they can't be kept, and MemoryError,
        having kept none.
        """
        first = self.next_sequence
        heads: list[bytes] = []
        before = None
        samples = size_bytes = 0
        for batch in batches:
            head = head_of(batch, before, first + len(heads))
            heads.append(head)
            samples += batch[1]
            size_bytes += len(head) + len(batch[2])
            before = batch
        need_bytes = self._occupied(size_bytes)
        while self._segments and self.queued_bytes + need_bytes > self._bytes_max:
            self._drop_oldest(unsent)
        segment = (first, len(batches), samples, size_bytes)
        while True:
            try:
                self._write(_name(segment), heads, batches)
                break
            except OSError as error:
                if error.errno == _ENOSPC and self._segments:
                    self._drop_oldest(unsent)
                    continue
                self.next_sequence += len(batches)
                self._count(samples, self.next_sequence - 1, _touch, "")
                raise OutboxError("flash error %s" % error.errno)
        self.next_sequence += len(batches)
        self._segments.append(segment)
        self.queued_bytes += need_bytes
        self.erases += need_bytes // self._block_bytes
        if self._sent >= 0:
            self._remove(_mark(self._sent))
            self._sent = -1

    def lose(self, samples: int, _unsent: object = None) -> None:
        """Count a batch that there is no record of; it uses up a sequence."""
        self.next_sequence += 1
        self._count(samples, self.next_sequence - 1, _touch, "")

    def count(self, samples: int) -> None:
        """Count samples of a record that is damaged."""
        self._count(samples, 0, _touch, "")

    def locate(self, sequence: int) -> Entry | None:
        """Return the first entry from `sequence` on.

        Where its head can't be read it is DAMAGED; the first such of a segment counts the
        samples of all.
        """
        for segment in self._segments:
            if _end(segment) > sequence:
                break
        else:
            return None
        sequence = max(sequence, segment[0])
        reader = self._reader
        if reader is None or self._reading != segment or reader.sequence > sequence:
            reader = Reader(self._read, segment[0], 0, segment[3])
            self._reader, self._reading = reader, segment
        entry = reader.find(sequence)
        if entry:
            return entry
        lost = segment[2] - reader.samples if reader.sequence == sequence else 0
        return Entry(sequence, max(lost, 0), DAMAGED, "")

    def read(self, entry: Entry, view: "bytearray | memoryview") -> bool:
        """Fill `view` with the payload of `entry`; return whether it is undamaged."""
        if self.locate(entry.sequence) != entry or self._reader is None:
            return False
        return self._reader.fill(view)

    def release(self, first: int) -> None:
        """Let the segments go whose sequences are all below `first`. Raises OSError."""
        while self._segments and _end(self._segments[0]) <= first:
            segment = self._forget_oldest()
            newest = _end(segment) - 1
            if newest == self.next_sequence - 1:
                mark = self._path(_mark(newest))
                try:
                    os.rename(self._path(_name(segment)), mark)
                except OSError:
                    _touch("", mark)  # a file that is lost must not take the sequence along
                self._sent = newest
            else:
                self._remove(_name(segment))

    def _read(self, offset: int, buffer: "bytearray | memoryview") -> int:
        if self._reading is None:
            return 0
        try:
            with open(self._path(_name(self._reading)), "rb") as file:
                file.seek(offset)
                return file.readinto(buffer)
        except OSError:
            return 0

    def _write(self, name: str, heads: "list[bytes]", batches: "Sequence[Batch]") -> None:
        path = self._path(_NEW)
        try:
            with open(path, "wb") as file:
                for head, batch in zip(heads, batches):  # noqa: B905  # MicroPython has no strict
                    file.write(head)
                    file.write(batch[2])
            os.rename(path, self._path(name))
        except OSError:
            self._remove(_NEW)
            raise

    def _drop_oldest(self, unsent: "Callable[[int, int], int]") -> None:
        segment = self._segments[0]
        samples = unsent(segment[0], _end(segment))
        self._forget_oldest()
        # One rename takes the batches out and writes the count down; the old count goes after.
        self._count(samples, _end(segment) - 1, os.rename, self._path(_name(segment)))

    def _count(
        self, samples: int, sequence: int, create: "Callable[[str, str], None]", source: str
    ) -> None:
        before = self._tally
        self.dropped += samples
        # It may be the only name that keeps a higher sequence, so it never goes back.
        self._tally_sequence = max(self._tally_sequence, sequence)
        tally = _tally(self.dropped, self._tally_sequence)
        try:
            create(source, self._path(tally))
            self._tally = tally
        except OSError:
            if source:
                self._remove(source[len(self._folder) + 1 :])  # it won't count: RAM still does
            return
        if before and before != tally:
            self._remove(before)

    def _forget_oldest(self) -> "Segment":
        segment = self._segments.pop(0)
        self.queued_bytes -= self._occupied(segment[3])
        return segment

    def _remove(self, name: str) -> None:
        try:
            os.remove(self._path(name))
        except OSError:
            pass  # not there, or a flash that fails: the next recovery tries again

    def _occupied(self, size_bytes: int) -> int:
        blocks: int = max(1, -(-size_bytes // self._block_bytes))
        return blocks * self._block_bytes

    def _path(self, name: str) -> str:
        return self._folder + "/" + name


def _end(segment: "Segment") -> int:
    return segment[0] + segment[1]


def _name(segment: "Segment") -> str:
    return "%d.%d.%d.%d" % segment


def _mark(sequence: int) -> str:
    return "%d.sent" % sequence


def _tally(dropped: int, sequence: int) -> str:
    return "%d.%d.dropped" % (dropped, sequence)


def _touch(_source: str, path: str) -> None:
    with open(path, "wb"):
        pass
