"""Stand in for flash that a chip maps into its memory, and for `vfs` of a VM that knows it.

A board's ROMFS is no part of its heap, but the unix port has no memory beside the heap that
a program could fill. The host therefore starts it with variables in the environment that are
as long as that flash: the room they take, where a process has its arguments, is the flash.
"""

import os

import uctypes
from vfs import VfsLfs2, VfsPosix, VfsRom, mount, umount  # noqa: F401  # all that boards use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VARIABLE = b"TIDEGAUGE_FLASH="
_ENVIRONMENT_AT = 47  # field of /proc/self/stat, counted behind the name: where it begins
_GET, _PREPARE, _WRITE = 2, 3, 4
_BLOCK_BYTES = 4096
_EINVAL = 22

_room: "Any" = None  # all of it; the first bytes of it are the partition
_partition: "Any" = None
_file: "Any" = None


def take(size: int) -> "Any":
    """Return `size` bytes of it that nobody has yet, from its end."""
    global _room
    if _room is None:
        _room = _found()
    taken = _room[len(_room) - size :]
    _room = _room[: len(_room) - size]
    return taken


def load(path: str) -> "Any":
    """Return the file at `path`, as part of it."""
    memory = take(os.stat(path)[6])
    with open(path, "rb") as file:
        file.readinto(memory)
    return memory


def partition(path: str) -> None:
    """Make the file at `path` the partition `romfs`."""
    global _partition, _file
    _file = open(path, "r+b")  # noqa: SIM115  # open as long as the board runs
    _partition = load(path)


def forget_start() -> None:
    """Give back the heap of what only the start needs."""
    for name in ("take", "load", "partition", "forget_start", "_found", "_room"):
        globals().pop(name, None)


def rom_ioctl(operation: int, segment: int = 0, *arguments: "Any") -> "Any":
    """Do what the board's `vfs.rom_ioctl` does."""
    if _partition is None or segment:
        return -_EINVAL
    if operation == _GET:
        return _partition
    if operation == _PREPARE:
        blocks = (arguments[0] + _BLOCK_BYTES - 1) // _BLOCK_BYTES
        for block in range(blocks):
            for start in range(block * _BLOCK_BYTES, (block + 1) * _BLOCK_BYTES, 256):
                _program(start, b"\xff" * 256)
        return 4
    if operation == _WRITE:
        _program(arguments[0], arguments[1])
    return 0


def _program(offset: int, data: bytes) -> None:
    _partition[offset : offset + len(data)] = data
    _file.seek(offset)
    _file.write(data)


def _found() -> "Any":
    """Return the room, as memory: from the first variable of that name to the end."""
    with open("/proc/self/stat") as file:
        begin, end = file.read().rsplit(")", 1)[1].split()[_ENVIRONMENT_AT : _ENVIRONMENT_AT + 2]
    memory = uctypes.bytearray_at(int(begin), int(end) - int(begin))
    return memoryview(memory)[memory.find(VARIABLE) + len(VARIABLE) :]
