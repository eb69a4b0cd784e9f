"""One segment: consecutive records in a block, found again by a sparse index.

The index has an entry every `index_step_bytes`, so looking a sequence number up reads little.
A closed segment builds it when it is first read, not when the log is opened.
"""

from array import array
from bisect import bisect_right

from tidegate.segment_log.block import Block
from tidegate.segment_log.record import HEADER, HEADER_BYTES, Record, sound, whole

READ_BYTES = 65_536  # one read of a file; more for a record that is larger
INDEX_STEP_BYTES_MIN = 4_096
INDEX_ENTRIES_MAX = 1_024  # so a segment's index takes 16 KB at most


class Segment:
    """Records from the sequence number `base` on; `next_sequence` is one past its last."""

    def __init__(self, base: int, block: Block, *, segment_bytes: int) -> None:
        self.base = base
        self.block = block
        self.next_sequence = base
        self._first_at_ms: int | None = None
        self._last_at_ms: int | None = None
        self._step_bytes = max(INDEX_STEP_BYTES_MIN, segment_bytes // INDEX_ENTRIES_MAX)
        self._sequences = array("Q")
        self._offsets = array("Q")
        self._indexed = block.size == 0
        self._damaged: dict[int, int] = {}  # offset: bytes
        self._hint = (base, 0)  # where the last read ended: the next one begins there

    @property
    def size(self) -> int:
        """Bytes of the block."""
        return self.block.size

    @property
    def damaged_bytes(self) -> int:
        """Bytes that reading had to leave out so far."""
        return sum(self._damaged.values())

    def append(self, parts: list[bytes], next_sequence: int, at_ms: int) -> None:
        """Add records that are packed in `parts`; raises `LogWriteError` and adds none."""
        offset = self.block.size
        self.block.append(parts)
        if not self._offsets or offset - self._offsets[-1] >= self._step_bytes:
            self._sequences.append(self.next_sequence)
            self._offsets.append(offset)
        self.next_sequence, self._last_at_ms = next_sequence, at_ms

    def recover(self) -> int:
        """Read all, cut a torn tail off, and return how many bytes that were.

        A record that is damaged, with a sound one right behind it, is no torn tail: it stays.
        """
        end, expected = 0, self.base
        while end < self.block.size:
            data, used = self._read_for(end, records=2), 0
            for offset, record in sound(data, expected):
                self._mark(record.sequence, end + offset)
                expected, self._last_at_ms = record.sequence + 1, record.at_ms
                used = offset + HEADER_BYTES + len(record.payload)
            if used == 0:
                used = self._damaged_before_sound(data, expected)
                if used == 0:
                    break
                self._damaged[end] = used
                expected += 1
            end += used
        self.next_sequence, self._indexed = expected, True
        torn_bytes = self.block.size - end
        if torn_bytes:
            self.block.cut(end)
            self.block.sync()
        return torn_bytes

    def _damaged_before_sound(self, data: bytes, expected: int) -> int:
        """Return the size of the damaged record that `data` begins with, 0 where it is torn."""
        if len(data) < HEADER_BYTES:
            return 0
        size = HEADER_BYTES + int(HEADER.unpack_from(data)[0])
        following = whole(data, size, expected + 1)
        return size if following and following.sequence == expected + 1 else 0

    def first_at_ms(self) -> int | None:
        """Return when the first record was taken, None in an empty segment."""
        if self._first_at_ms is None and self.block.size >= HEADER_BYTES:
            self._first_at_ms = HEADER.unpack(self.block.read(0, HEADER_BYTES))[3]
        return self._first_at_ms

    def newest_at_ms(self) -> int | None:
        """Return when the last record was taken, None where there is none to be read."""
        if self._last_at_ms is None and self.block.size:
            last = self.read(self.next_sequence - 1, 1, 1)
            self._last_at_ms = last[0].at_ms if last else None
        return self._last_at_ms

    def read(self, start: int, records_max: int, bytes_max: int) -> list[Record]:
        """Return records from the sequence number `start` on, at least one if there is any.

        A damaged record is left out, with what can't be told apart behind it; `damaged_bytes`
        says how much that was.
        """
        found: list[Record] = []
        offset, used_bytes = self._offset_at_or_before(start), 0
        data, data_at = b"", offset
        while offset < self.block.size and len(found) < records_max:
            record = whole(data, offset - data_at, self.base)
            if record is None:
                data, data_at = self._read_for(offset), offset
                record = whole(data, 0, self.base)
            if record is None:
                offset = self._behind_damage(offset)
                continue
            if record.sequence >= start:
                if found and used_bytes + len(record.payload) > bytes_max:
                    break
                used_bytes += len(record.payload)
                found.append(record)
            offset += HEADER_BYTES + len(record.payload)
            self._hint = (record.sequence + 1, offset)
        return found

    def _read_for(self, offset: int, records: int = 1) -> bytes:
        """Return what stands at `offset`: `records` at least, by their heads, if they are whole."""
        data, need = self.block.read(offset, READ_BYTES), 0
        for _ in range(records):
            head = self.block.read(offset + need, HEADER_BYTES)
            if len(head) < HEADER_BYTES:
                break
            size = HEADER_BYTES + int(HEADER.unpack(head)[0])
            if size > self.block.size - offset - need:
                break
            need += size
        return data if need <= READ_BYTES else self.block.read(offset, need)

    def _behind_damage(self, offset: int) -> int:
        """Return where the next record stands: where this one's head says, or the index."""
        head = self.block.read(offset, HEADER_BYTES)
        following = offset + HEADER_BYTES + int.from_bytes(head[:4], "big")
        next_head = self.block.read(following, HEADER_BYTES)
        if len(next_head) < HEADER_BYTES or not self._holds(HEADER.unpack(next_head)[2]):
            place = bisect_right(self._offsets, offset)
            following = self._offsets[place] if place < len(self._offsets) else self.block.size
        self._damaged[offset] = following - offset
        return following

    def _holds(self, sequence: int) -> bool:
        return self.base <= sequence < self.next_sequence

    def _offset_at_or_before(self, sequence: int) -> int:
        hint_sequence, hint_offset = self._hint
        if sequence == hint_sequence:
            return hint_offset
        if not self._indexed:
            self._index()
        place = bisect_right(self._sequences, sequence) - 1
        return self._offsets[place] if place >= 0 else 0

    def _index(self) -> None:
        offset = 0
        while offset + HEADER_BYTES <= self.block.size:
            data, start = self.block.read(offset, 1 << 20), 0
            while start + HEADER_BYTES <= len(data):
                size, _, sequence, _ = HEADER.unpack_from(data, start)
                if not self._holds(sequence):
                    self._indexed = True  # damaged from here on: reading tells
                    return
                self._mark(sequence, offset + start)
                start += HEADER_BYTES + size
            if start == 0:
                break
            offset += start
        self._indexed = True

    def _mark(self, sequence: int, offset: int) -> None:
        if not self._offsets or offset - self._offsets[-1] >= self._step_bytes:
            self._sequences.append(sequence)
            self._offsets.append(offset)
