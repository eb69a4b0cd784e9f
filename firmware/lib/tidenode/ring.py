"""Store an outbox on a partition of its own: blocks written one after the other, around.

Bounded by the partition; its oldest block is dropped and counted when room is needed. Every
block is erased once a round, so that all wear alike, and each record is durable at once.

    block    head of 20 bytes, records (`tidenode.record`), flash never written, NOTES notes
    head     magic u16, check u16, number u32, first sequence u32, cursor u32, dropped u32
    note     0xffff u16 (for a reader of records: nothing), check u16, cursor u32; or never written

Block `number` lies at `number` modulo the blocks there are. The head's cursor is the oldest
sequence not acknowledged when the block was begun, a note's when that was written; `dropped` are
the samples ever dropped, with those of the block that was next to be erased: the block ahead of
the newest is always erased, and what a cut leaves there counts as gone. A record without payload
is a batch that was lost. A head is programmed after its payload: a last record that is wrong is
one that a cut has torn.
"""

import binascii
import struct

from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.record import DAMAGED, HEAD_BYTES_MAX, Reader, head_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.record import Batch

MAGIC = 0x5447
HEAD_BYTES = 20
NOTE_BYTES = 8
NOTES = 6  # orderly ends that cost no erase while a block is the newest
BLOCKS_MIN = 4
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6


class Ring:
    """The blocks of `device`, which erases and programs as MicroPython's block devices do.

    Raises OutboxError where it has too few.
    """

    def __init__(self, device: "Any") -> None:
        self._device = device
        self._blocks: int = device.ioctl(_BLOCK_COUNT, 0)
        self._block_bytes: int = device.ioctl(_BLOCK_SIZE, 0)
        if self._blocks < BLOCKS_MIN:
            raise OutboxError("a ring of %d blocks, %d at least" % (self._blocks, BLOCKS_MIN))
        self._end: int = self._block_bytes - NOTES * NOTE_BYTES  # of records
        self.batch_bytes_max = self._end - HEAD_BYTES - HEAD_BYTES_MAX
        self.chunk_bytes = self._block_bytes
        self._reader: Reader | None = None
        self._reading = -1  # the number of the block it reads
        # Only a start needs it, so it is loaded here and `tidenode.app` lets it go again.
        from tidenode.ring_recovery import recover

        found = recover(device, self._blocks, self._block_bytes)
        self._newest: int = found.newest  # block; -1 where there is none
        self._firsts: list[int] = found.firsts  # first sequences of all live blocks
        self._at: int = found.at  # where the next record goes in the newest
        self._erased = True  # the block ahead
        self._before: Batch | None = None  # the last record there, once this start has made one
        self.next_sequence: int = found.next_sequence
        self.cursor: int = found.cursor
        self._noted = self.cursor  # in the newest block
        self.dropped: int = found.dropped
        self.erases = 0  # of blocks, since the start

    def following(self, sequence: int) -> int:
        """Return the first sequence, `sequence` or after it, that has a record."""
        return max(sequence, self._firsts[0] if self._firsts else self.next_sequence)

    def batches_from(self, sequence: int) -> int:
        """Return how many records there are from `sequence` on, those of lost batches too."""
        return self.next_sequence - sequence

    def write(self, batches: "Sequence[Batch]", unsent: "Callable[[int, int], int]") -> None:
        """Keep `batches` from `next_sequence` on; durable on return.

        `unsent(begin, end)` returns the samples that are dropped with these sequences. Raises
        OutboxError, having counted them as dropped, where they can't be kept, and MemoryError,
        having kept those before `next_sequence`.
        """
        for done, batch in enumerate(batches):
            try:
                self._append(batch, unsent)
            except OSError as error:
                self._at = self._block_bytes  # who knows what is there now
                self.next_sequence += len(batches) - done
                self.dropped += sum([batch[1] for batch in batches[done:]])
                raise OutboxError("flash error %s" % error.errno)
            except MemoryError:
                self._at = self._block_bytes  # as above
                raise

    def lose(self, samples: int, unsent: "Callable[[int, int], int]") -> None:
        """Count a batch in a record without payload; it uses up a sequence."""
        try:
            self._append(("lost", samples, b""), unsent)
        except (OSError, MemoryError):
            self._at = self._block_bytes
            self.next_sequence += 1
        self.dropped += samples  # not before: a block that begins now has it in its record

    def count(self, samples: int) -> None:
        """Count samples of a record that is damaged; durable with the next block."""
        self.dropped += samples

    def locate(self, sequence: int) -> Entry | None:
        """Return the first entry from `sequence` on; DAMAGED where its head can't be read."""
        firsts = self._firsts
        if not firsts or sequence >= self.next_sequence:
            return None
        sequence = max(sequence, firsts[0])
        place = len(firsts) - 1
        while firsts[place] > sequence:
            place -= 1
        number = self._newest - len(firsts) + 1 + place
        reader = self._reader
        if reader is None or self._reading != number or reader.sequence > sequence:
            reader = Reader(self._read, firsts[place], HEAD_BYTES, self._block_bytes)
            self._reader, self._reading = reader, number
        entry = reader.find(sequence)
        # How many samples it had is not known any more; those of a neighbour are likely.
        return entry or Entry(sequence, reader.last_samples or 1, DAMAGED, "")

    def read(self, entry: Entry, view: "bytearray | memoryview") -> bool:
        """Fill `view` with the payload of `entry`; return whether it is undamaged."""
        if self.locate(entry.sequence) != entry or self._reader is None:
            return False
        return self._reader.fill(view)

    def release(self, first: int) -> None:
        """Note that all below `first` are acknowledged; durable with the next block."""
        self.cursor = first

    def settle(self, unsent: "Callable[[int, int], int]") -> None:
        """Note what was acknowledged since the newest block was begun, to make that durable.

        For an orderly end. A block that has all its notes is followed by another, which costs an
        erase; never a batch: not where one would be dropped.
        """
        firsts = self._firsts
        if self.cursor <= self._noted:
            return
        try:
            if not self._note() and (len(firsts) < self._blocks - 1 or self.cursor >= firsts[1]):
                self._begin_block(unsent)
        except OSError:
            self._at = self._block_bytes  # as above; what was acknowledged is sent again

    def _note(self) -> bool:
        """Write the cursor down in the newest block; return whether there was room."""
        block, note = self._newest % self._blocks, bytearray(NOTE_BYTES)
        for at in range(self._end, self._block_bytes, NOTE_BYTES):
            self._device.readblocks(block, note, at)
            if note == b"\xff" * NOTE_BYTES:
                self._device.writeblocks(block, note_of(self.cursor), at)
                self._noted = self.cursor
                return True
        return False

    def _append(self, batch: "Batch", unsent: "Callable[[int, int], int]") -> None:
        head = head_of(batch, self._before, self.next_sequence)
        if self._newest < 0 or self._at + len(head) + len(batch[2]) > self._end:
            self._begin_block(unsent)
            head = head_of(batch, None, self.next_sequence)
        block = self._newest % self._blocks
        # The head goes last: where there is one, there is a payload.
        if batch[2]:
            self._device.writeblocks(block, batch[2], self._at + len(head))
        self._device.writeblocks(block, head, self._at)
        self._at += len(head) + len(batch[2])
        self._before = batch[0], batch[1], b""
        self.next_sequence += 1

    def _begin_block(self, unsent: "Callable[[int, int], int]") -> None:
        firsts = self._firsts
        if len(firsts) >= self._blocks - 1:
            # The block ahead of the new one: gone before it is erased.
            end = firsts[1]
            self.dropped += unsent(firsts[0], end)
            firsts.pop(0)
            self.cursor = max(self.cursor, end)
        number = self._newest + 1
        if not self._erased:
            self._device.ioctl(_ERASE, number % self._blocks)
            self.erases += 1
        self._erased = False
        head = struct.pack(
            "<IIII", number, self.next_sequence, self.cursor, self.dropped & 0xFFFFFFFF
        )
        self._device.writeblocks(
            number % self._blocks,
            struct.pack("<HH", MAGIC, binascii.crc32(head) & 0xFFFF) + head,
            0,
        )
        self._newest, self._noted = number, self.cursor
        firsts.append(self.next_sequence)
        self._at = HEAD_BYTES
        self._before = None
        self._device.ioctl(_ERASE, (number + 1) % self._blocks)
        self._erased = True
        self.erases += 1

    def _read(self, offset: int, buffer: "bytearray | memoryview") -> int:
        size_bytes = min(len(buffer), self._block_bytes - offset)
        if size_bytes <= 0:
            return 0
        view = memoryview(buffer)[:size_bytes]
        self._device.readblocks(self._reading % self._blocks, view, offset)
        return size_bytes


def note_of(cursor: int) -> bytes:
    """Return the note of `cursor`."""
    data = struct.pack("<I", cursor)
    return struct.pack("<HH", 0xFFFF, binascii.crc32(data, MAGIC) & 0xFFFF) + data
