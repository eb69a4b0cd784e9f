"""Records, as an outbox's storages keep them: a head, then the payload of a batch.

    size     u16   bytes of the payload; bit 15: samples and measurement are the last record's
    check    u16   CRC-32 of sequence, the rest of the head and payload, its lower half
    samples  u16                               }  not where bit 15 is set: a record of a steady
    name     u8 of length, then a measurement  }  source is its batch and 4 bytes

Little-endian. Sequences count up within a chunk (a segment, a block), whose own head has the
first. 0xffff for a size is flash that was never written. Pure.
"""

import binascii
import struct

from tidenode.entry import Entry
from tidewire.errors import WireError
from tidewire.names import check_measurement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Batch = tuple[str, int, bytes]  # measurement, samples, payload

SIZE_BYTES_MAX = 0x7FFE
HEAD_BYTES_MAX = 4 + 3 + 64
DAMAGED = -1  # an Entry's `size_bytes` where its head can't be read
_SAME = 0x8000
_SIZE_MASK = 0x7FFF
_BLANK = 0xFFFF


def head_of(batch: "Batch", before: "Batch | None", sequence: int) -> bytes:
    """Return the head of the record of `batch`, which follows that of `before` in its chunk."""
    measurement, samples, payload = batch
    about = b""
    size = len(payload)
    if before and before[:2] == batch[:2]:
        size |= _SAME
    else:
        name = measurement.encode()
        about = struct.pack("<HB", samples, len(name)) + name
    head = struct.pack("<H", size)
    return head + struct.pack("<H", check_of(sequence, head + about, payload)) + about


def head_bytes(batch: "Batch", before: "Batch | None") -> int:
    """Return how long the head of `batch` will be."""
    return 4 if before and before[:2] == batch[:2] else 7 + len(batch[0])


def check_of(sequence: int, head: bytes, payload: "bytes | bytearray | memoryview") -> int:
    """Return the check of a record; `head` is without it."""
    return binascii.crc32(payload, binascii.crc32(head, sequence)) & 0xFFFF


class Reader:
    """Walk the records of a chunk of `chunk_bytes`, the first with `sequence` and at `offset`.

    `read(offset, buffer)` fills the buffer as far as the chunk goes and returns the bytes read.
    """

    def __init__(
        self,
        read: "Callable[[int, bytearray | memoryview], int]",
        sequence: int,
        offset: int,
        chunk_bytes: int,
    ) -> None:
        self.sequence = sequence
        self.offset = offset  # of the record `sequence`
        self.samples = 0  # of the records before
        self.measurement = ""
        self._read = read
        self._chunk_bytes = chunk_bytes
        self._head = bytearray(HEAD_BYTES_MAX)
        self._head_bytes = 0  # 0: not read yet
        self._size_bytes = 0
        self._samples = 0

    def find(self, sequence: int) -> Entry | None:
        """Return the record `sequence`, not before the one found last; None where none can be.

        Of a record that is there its check is not looked at.
        """
        while self._read_head():
            if self.sequence == sequence:
                return Entry(sequence, self._samples, self._size_bytes, self.measurement)
            self.offset = self.end
            self.samples += self._samples
            self.sequence += 1
            self._head_bytes = 0
        return None

    @property
    def last_samples(self) -> int:
        """The samples of the last record whose head was read; 0 for none."""
        return self._samples

    @property
    def end(self) -> int:
        """Where the record found ends."""
        return self.offset + self._head_bytes + self._size_bytes

    def fill(self, view: "bytearray | memoryview") -> bool:
        """Fill `view` with the payload of the record found; return whether it is undamaged."""
        head, end = self._head, self._head_bytes
        if self._read(self.offset + end, view) != len(view):
            return False
        check = check_of(self.sequence, bytes(head[:2]) + bytes(head[4:end]), view)
        return check == head[2] | head[3] << 8

    def _read_head(self) -> bool:
        if self._head_bytes:
            return True
        head = self._head
        have_bytes = self._read(self.offset, head)
        size = head[0] | head[1] << 8
        if have_bytes < 4 or size == _BLANK:
            return False
        end = 4
        if not size & _SAME:
            end = self._read_about(have_bytes)
        size &= _SIZE_MASK
        # A size that can't be is not told: nobody is to make room for it.
        if not self.measurement or not end or self.offset + end + size > self._chunk_bytes:
            return False
        self._size_bytes, self._head_bytes = size, end
        return True

    def _read_about(self, have_bytes: int) -> int:
        """Take samples and measurement; return where the head ends, 0 where it can't be right."""
        head = self._head
        end = 7 + head[6]
        if end <= have_bytes:
            try:
                # Checked, since somebody will make a topic of it.
                self.measurement = check_measurement(bytes(head[7:end]).decode())
                self._samples = head[4] | head[5] << 8
                return end
            except (UnicodeError, WireError):
                pass
        return 0
