"""Lay out a board's flash: MicroPython, its files, and behind them what the firmware has use for.

MicroPython's own images have no partition for an outbox, nor one that a program is run from. What
they leave for files is divided: the files come first, where they were. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidectl.boards import Board, Layout
from tidectl.partition_table import APP, DATA, Partition, PartitionTableError, files_of, parse

OUTBOX = "outbox"  # what the firmware's setting `outbox.partition` is by default
ROMFS = "romfs"  # where MicroPython looks for a ROMFS
UNDEFINED = 0x06  # ESP-IDF's subtype for data that is nobody's but the application's
OUTBOX_BYTES_MIN = 0x20000  # with fewer the outbox is better off in files
BLOCK_BYTES = 4096
FILES_BYTES_MIN = 0x160000  # two slots of the program, of 140 blocks each, and room beside them


@dataclass(frozen=True, slots=True)
class FlashLayout:
    """The table of a flash, and where its files are."""

    partitions: tuple[Partition, ...]
    files: Partition

    @property
    def outbox(self) -> Partition | None:
        """The partition for the outbox, if it has one."""
        return self._labelled(OUTBOX)

    @property
    def romfs(self) -> Partition | None:
        """The partition that the program is run from, if it has one."""
        return self._labelled(ROMFS)

    def _labelled(self, label: str) -> Partition | None:
        found = (one for one in self.partitions if (one.kind, one.label) == (DATA, label))
        return next(found, None)


def layout_of(partitions: Sequence[Partition], flash_bytes: int) -> FlashLayout:
    """Return the layout that a table has already. Raises PartitionTableError."""
    return FlashLayout(tuple(partitions), files_of(partitions, flash_bytes))


def divided(layout: FlashLayout, kind: Layout) -> FlashLayout:
    """Return `layout` with the partitions of `kind`, taken from the end of the files.

    It stays what it is where it has them, where none is wanted, or where too little would be left.
    The program's comes first; the outbox gets what there is to spare, as on a chip whose flash is
    smaller than its board's usually is.
    """
    layout = _with(layout, layout.romfs, ROMFS, kind.romfs_bytes)
    spare_bytes = (layout.files.size_bytes - FILES_BYTES_MIN) // BLOCK_BYTES * BLOCK_BYTES
    outbox_bytes = min(kind.outbox_bytes, spare_bytes)
    if outbox_bytes < OUTBOX_BYTES_MIN:
        return layout
    return _with(layout, layout.outbox, OUTBOX, outbox_bytes)


def _with(layout: FlashLayout, there: Partition | None, label: str, size: int) -> FlashLayout:
    files_bytes = layout.files.size_bytes - size
    if there or not size or files_bytes < FILES_BYTES_MIN:
        return layout
    files = replace(layout.files, size_bytes=files_bytes)
    taken = Partition(label, DATA, UNDEFINED, files.end, size)
    others = [one for one in layout.partitions if one.offset != files.offset]
    partitions = sorted([*others, files, taken], key=lambda one: one.offset)
    return FlashLayout(tuple(partitions), files)


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
    """Return the partitions that are not MicroPython's files, nor taken from them."""
    of_files = [one.offset for one in (layout.files, layout.outbox, layout.romfs) if one]
    return [one for one in layout.partitions if one.offset not in of_files]
