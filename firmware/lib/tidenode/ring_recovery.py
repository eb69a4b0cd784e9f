"""Find where a ring goes on after a restart: by the heads of its blocks, and by its last block.

Only of the newest block are the records read. Behind its last good one there may be what a cut
has left of the next: nothing is ever written over that, the block ends there.
"""

import binascii
import struct
from collections import namedtuple

from tidenode.record import Reader
from tidenode.ring import HEAD_BYTES, MAGIC, NOTE_BYTES, NOTES, note_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Recovered = namedtuple(
    "Recovered", ("newest", "firsts", "at", "next_sequence", "cursor", "dropped")
)

_ERASE = 6
_PIECE_BYTES = 256


def recover(device: "Any", blocks: int, block_bytes: int) -> Recovered:
    """Return what `device` holds, having made sure that the block ahead is erased."""
    newest = -1
    for block in range(blocks):
        head = read_head(device, block)
        if head and head[0] % blocks == block:
            newest = max(newest, head[0])
    _erase_ahead(device, (newest + 1) % blocks, block_bytes)
    if newest < 0:
        return Recovered(-1, [], block_bytes, 0, 0, 0)
    _, first, cursor, dropped = _head_of(device, newest, blocks)
    cursor = max(cursor, _noted(device, newest % blocks, block_bytes))
    at, next_sequence, lost = _end_of_block(device, newest % blocks, first, block_bytes)
    if cursor > next_sequence:  # damage to what was acknowledged: these are used up all the same
        at, next_sequence = block_bytes, cursor
    firsts = [first]
    # Where a head between is damaged, its records are taken for damaged ones of the block before.
    number, oldest = newest - 1, max(0, newest - blocks + 2)
    missing = 0
    while number >= oldest:
        head = read_head(device, number % blocks)
        if head and head[0] == number:
            firsts[:0] = [head[1]] + missing * firsts[:1]
            missing = 0
        else:
            missing += 1
        number -= 1
    return Recovered(newest, firsts, at, next_sequence, max(cursor, firsts[0]), dropped + lost)


def read_head(device: "Any", block: int) -> "tuple[int, int, int, int] | None":
    """Return (number, first sequence, cursor, dropped); None where there is no good head."""
    head = bytearray(HEAD_BYTES)
    device.readblocks(block, head, 0)
    magic, check = struct.unpack("<HH", head[:4])
    if magic != MAGIC or check != binascii.crc32(head[4:]) & 0xFFFF:
        return None
    number, first, cursor, dropped = struct.unpack("<IIII", head[4:])
    return number, first, cursor, dropped


def _head_of(device: "Any", number: int, blocks: int) -> "tuple[int, int, int, int]":
    return read_head(device, number % blocks) or (number, 0, 0, 0)


def _noted(device: "Any", block: int, block_bytes: int) -> int:
    """Return the highest cursor of the block's notes; 0 where there is none."""
    note, cursor = bytearray(NOTE_BYTES), 0
    for at in range(block_bytes - NOTES * NOTE_BYTES, block_bytes, NOTE_BYTES):
        device.readblocks(block, note, at)
        noted = struct.unpack("<I", note[4:])[0]
        if note == note_of(noted):
            cursor = max(cursor, noted)
    return cursor


def _end_of_block(device: "Any", block: int, first: int, block_bytes: int) -> tuple[int, int, int]:
    """Return where the block goes on, the next sequence, and the samples of lost batches."""

    def read(offset: int, buffer: "Any") -> int:
        size_bytes = min(len(buffer), block_bytes - offset)
        if size_bytes <= 0:
            return 0
        device.readblocks(block, memoryview(buffer)[:size_bytes], offset)
        return size_bytes

    reader = Reader(read, first, HEAD_BYTES, block_bytes)
    at, next_sequence, lost, good_lost = HEAD_BYTES, first, 0, 0
    sequence = first
    while True:
        entry = reader.find(sequence)
        if entry is None:
            break
        sequence += 1
        if not entry.size_bytes:
            lost += entry.samples
        if reader.fill(memoryview(bytearray(entry.size_bytes))):
            at, next_sequence, good_lost = reader.end, sequence, lost
    if not _is_blank(device, block, at, block_bytes - NOTES * NOTE_BYTES):
        at = block_bytes
    return at, next_sequence, good_lost


def _erase_ahead(device: "Any", block: int, block_bytes: int) -> None:
    if not _is_blank(device, block, 0, block_bytes):
        device.ioctl(_ERASE, block)


def _is_blank(device: "Any", block: int, offset: int, block_bytes: int) -> bool:
    blank = b"\xff" * _PIECE_BYTES
    piece = bytearray(_PIECE_BYTES)
    while offset < block_bytes:
        view = memoryview(piece)[: min(_PIECE_BYTES, block_bytes - offset)]
        device.readblocks(block, view, offset)
        if view != blank[: len(view)]:
            return False
        offset += len(view)
    return True
