"""Lay out a board's flash: MicroPython, its files, and a partition for the outbox where it fits.

MicroPython's own images have no partition for an outbox. What they leave for files is divided:
the files come first, where they were, and the outbox is at the end. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidectl.boards import Board, Layout
from tidectl.partition_table import APP, DATA, Partition, PartitionTableError, files_of, parse

OUTBOX = "outbox"  # what the firmware's setting `outbox.partition` is by default
UNDEFINED = 0x06  # ESP-IDF's subtype for data that is nobody's but the application's
FILES_BYTES_MIN = 1 << 20  # two slots of the program, and a download beside them


@dataclass(frozen=True, slots=True)
class FlashLayout:
    """The table of a flash, where its files are, and its outbox, if it has one of its own."""

    partitions: tuple[Partition, ...]
    files: Partition
    outbox: Partition | None


def layout_of(partitions: Sequence[Partition], flash_bytes: int) -> FlashLayout:
    """Return the layout that a table has already. Raises PartitionTableError."""
    files = files_of(partitions, flash_bytes)
    outbox = next((one for one in partitions if (one.kind, one.label) == (DATA, OUTBOX)), None)
    return FlashLayout(tuple(partitions), files, outbox)


def with_outbox(layout: FlashLayout, outbox_bytes: int) -> FlashLayout:
    """Return `layout` with a partition of `outbox_bytes`, taken from the end of the files.

    It stays what it is where it has one, where none is wanted, or where too little would be left.
    """
    files_bytes = layout.files.size_bytes - outbox_bytes
    if layout.outbox or not outbox_bytes or files_bytes < FILES_BYTES_MIN:
        return layout
    files = replace(layout.files, size_bytes=files_bytes)
    outbox = Partition(OUTBOX, DATA, UNDEFINED, files.end, outbox_bytes)
    others = [one for one in layout.partitions if one.offset != files.offset]
    partitions = sorted([*others, files, outbox], key=lambda one: one.offset)
    return FlashLayout(tuple(partitions), files, outbox)


def layout_before(table: bytes, fresh: FlashLayout, flash_bytes: int) -> FlashLayout:
    """Return the layout by a board's own `table`, if MicroPython's part of it is that of `fresh`.

    Else, and where there is no table, `fresh` is what the board gets.
    """
    try:
        before = layout_of(parse(table), flash_bytes)
    except PartitionTableError:
        return fresh
    return before if _beside_files(before) == _beside_files(fresh) else fresh


def kind_of(board: Board, partitions: Sequence[Partition]) -> Layout:
    """Return the board's layout that the table is like: two applications are an OTA image's."""
    applications = sum(one.kind == APP for one in partitions)
    return board.layouts["ota" if applications > 1 else "plain"]


def _beside_files(layout: FlashLayout) -> list[Partition]:
    """Return the partitions that are not MicroPython's files, nor made of them."""
    of_files = (layout.files.offset, layout.outbox.offset if layout.outbox else None)
    return [one for one in layout.partitions if one.offset not in of_files]
