"""Read and write the partition table of an ESP32's flash, and find where MicroPython's files are.

Format: ESP-IDF, "Partition Tables": 32 bytes an entry, then an MD5 of them, then 0xff.
Pure: bytes in, partitions out.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

OFFSET = 0x8000  # in the flash, of every chip MicroPython runs on
BYTES_MAX = 0xC00
SECTOR_BYTES = 4096
APP, DATA = 0, 1
_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC, _MAGIC_MD5, _END = b"\xaa\x50", b"\xeb\xeb", b"\xff\xff"
_FILES = ("vfs", "ffat")  # the labels that MicroPython looks for


class PartitionTableError(Exception):
    """There is no table, or none that can be right."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry; offsets are those in the flash."""

    label: str
    kind: int
    subtype: int
    offset: int
    size_bytes: int
    flags: int = 0

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size_bytes


def parse(data: bytes) -> tuple[Partition, ...]:
    """Return the partitions of the table that `data` begins with. Raises PartitionTableError."""
    partitions: list[Partition] = []
    for position in range(0, min(len(data), BYTES_MAX), _ENTRY.size):
        entry = data[position : position + _ENTRY.size]
        if len(entry) < _ENTRY.size:
            break
        if entry.startswith(_MAGIC_MD5):
            if hashlib.md5(data[:position], usedforsecurity=False).digest() != entry[16:]:
                raise PartitionTableError("the partition table does not match its checksum")
        elif entry.startswith(_END):
            return _checked(partitions)
        elif entry.startswith(_MAGIC):
            partitions.append(_partition(entry))
        else:
            raise PartitionTableError(f"entry {len(partitions)} of the partition table is garbage")
    raise PartitionTableError("the partition table has no end")


def build(partitions: Sequence[Partition]) -> bytes:
    """Return a table of BYTES_MAX bytes that `parse` reads. Raises PartitionTableError."""
    entries = b"".join(
        _ENTRY.pack(
            _MAGIC, one.kind, one.subtype, one.offset, one.size_bytes, one.label.encode(), one.flags
        )
        for one in partitions
    )
    digest = hashlib.md5(entries, usedforsecurity=False).digest()
    digest_entry = _MAGIC_MD5.ljust(_ENTRY.size - len(digest), b"\xff") + digest
    table = (entries + digest_entry).ljust(BYTES_MAX, b"\xff")
    parse(table)  # more than a table takes, or what overlaps, is told as anywhere
    return table


def files_of(partitions: Sequence[Partition], flash_bytes: int) -> Partition:
    """Return where MicroPython keeps its files on a flash of `flash_bytes`.

    A partition `vfs` or `ffat` if the table has one. Else, since version 1.26, MicroPython
    takes at each boot what is left between the last partition and the end of the flash.
    Raises PartitionTableError.
    """
    last = max(partition.end for partition in partitions)
    if last > flash_bytes:
        raise PartitionTableError(
            f"the image is laid out for {last} bytes of flash, and the chip has {flash_bytes}"
        )
    for label in _FILES:
        for partition in partitions:
            if (partition.kind, partition.label) == (DATA, label):
                return partition
    if last == flash_bytes:
        raise PartitionTableError(f"the image leaves no room for files in {flash_bytes} bytes")
    return Partition("vfs", DATA, 0x81, last, flash_bytes - last)


def application_of(partitions: Sequence[Partition]) -> Partition:
    """Return the partition that the application lies in, the first of its kind.

    Raises PartitionTableError.
    """
    for partition in sorted(partitions, key=lambda partition: partition.offset):
        if partition.kind == APP:
            return partition
    raise PartitionTableError("the partition table has no application")


def _partition(entry: bytes) -> Partition:
    _, kind, subtype, offset, size_bytes, label, flags = _ENTRY.unpack(entry)
    try:
        name = label.rstrip(b"\0").decode("ascii")
        return Partition(name, kind, subtype, offset, size_bytes, flags)
    except UnicodeDecodeError as error:
        raise PartitionTableError(f"a partition has the label {label!r}") from error


def _checked(partitions: list[Partition]) -> tuple[Partition, ...]:
    if not partitions:
        raise PartitionTableError("the partition table is empty")
    end = OFFSET + SECTOR_BYTES
    for partition in sorted(partitions, key=lambda partition: partition.offset):
        if partition.offset < end:
            raise PartitionTableError(f"partition {partition.label} lies on what is before it")
        if partition.offset % SECTOR_BYTES or partition.size_bytes % SECTOR_BYTES:
            raise PartitionTableError(f"partition {partition.label} is not of whole sectors")
        end = partition.end
    return tuple(partitions)
