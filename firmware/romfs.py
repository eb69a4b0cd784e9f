"""Run the version in force out of mapped flash, where the board has a partition `romfs`.

A module from LittleFS is copied into the heap. One from a ROMFS that the chip maps into its
address space stays there: its bytecode, its names and texts; half of what it would take. So the
slot in force is copied into that partition when it is not there yet. The copy is only a copy:
a slot is what is updated, verified and gone back to. Never updated itself, as `slots`.
Format and calls: MicroPython, "Working with ROMFS" and `vfs.rom_ioctl`.
"""

import hashlib
import os

import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOUNT = "/program"
_MARK = "copy_of"  # the file in the copy that says of what
_SEGMENT = 0  # ESP32 has one, the partition labelled `romfs`
_GET, _PREPARE, _WRITE, _COMPLETE = 2, 3, 4, 5
_MAGIC = b"\xd2\xcd\x31"
_DATA, _FOLDER, _FILE = 2, 4, 5  # kinds of records
_IS_FOLDER = 0x4000
_PIECE_BYTES = 512


class RomfsError(Exception):
    """The partition can't hold the program."""


def home_of(folder: str) -> str:
    """Return where the program in `folder` is to be imported from: its copy, or itself."""
    try:
        mapped = _mapped()
        if mapped is None:
            return folder
        mark = _mark(folder)
        if not _is_there(mapped, mark):
            _copy(folder, mark, mapped)
            if not _is_there(mapped, mark):
                raise RomfsError("what was written is not what is read")
    except (OSError, RomfsError) as error:
        print("the program runs from its slot:", repr(error))
        return folder
    return MOUNT


def _mapped() -> "Any":
    """Return the partition as memory, if there is one."""
    if not hasattr(vfs, "rom_ioctl"):
        return None
    mapped = vfs.rom_ioctl(_GET, _SEGMENT)
    if isinstance(mapped, int) or hasattr(mapped, "ioctl"):  # an error, or nothing mapped
        return None
    try:
        vfs.umount("/rom")  # the VM's own mount: a version that is not in force may lie there
    except OSError:
        pass
    return mapped


def _mark(folder: str) -> str:
    """Return what tells this program from another: its manifest, and all names and sizes."""
    digest = hashlib.sha256()
    try:
        with open(folder + "/manifest", "rb") as file:
            digest.update(file.read())
    except OSError:
        pass
    _add(digest, folder)
    return "".join(["%02x" % byte for byte in digest.digest()[:16]])


def _add(digest: "Any", folder: str) -> None:
    for name, is_folder, size in _entries(folder):
        digest.update(("%s %d\n" % (name, size)).encode())
        if is_folder:
            _add(digest, folder + "/" + name)


def _is_there(mapped: "Any", mark: str) -> bool:
    try:
        vfs.umount(MOUNT)
    except OSError:
        pass
    try:
        vfs.mount(vfs.VfsRom(mapped), MOUNT)
        with open(MOUNT + "/" + _MARK) as file:
            return file.read() == mark
    except OSError:
        return False


def _copy(folder: str, mark: str, mapped: "Any") -> None:
    """Write a ROMFS of `folder` and the mark; its first piece last: until then it is none."""
    marked = _record_bytes(_named_bytes(_MARK, _record_bytes(len(mark))))
    length = _bytes_of(folder) + marked
    head = _MAGIC + (b"\x80" if _uint_bytes(length) % 2 == length % 2 else b"") + _uint(length)
    total = len(head) + length
    if total > len(mapped):
        raise RomfsError("%d bytes do not fit into %d" % (total, len(mapped)))
    if vfs.rom_ioctl(_PREPARE, _SEGMENT, total) < 0:
        raise RomfsError("it can't be erased")
    pieces = _Pieces(mapped)
    pieces.add(head)
    _begin_file(pieces.add, _MARK, len(mark))
    pieces.add(mark.encode())
    _write_folder(pieces.add, folder)
    pieces.end()
    vfs.rom_ioctl(_COMPLETE, _SEGMENT)


class _Pieces:
    """Gathers what is written, and verifies each piece."""

    def __init__(self, mapped: "Any") -> None:
        self._mapped = mapped
        self._first = b""
        self._piece = bytearray()
        self._offset = 0

    def add(self, data: bytes) -> None:
        """Write `data` behind what was written."""
        self._piece.extend(data)
        while len(self._piece) >= _PIECE_BYTES:
            self._write(bytes(self._piece[:_PIECE_BYTES]))
            self._piece = self._piece[_PIECE_BYTES:]

    def end(self) -> None:
        """Write what is left, and then the beginning."""
        rest = bytes(self._piece)
        self._write(rest + b"\xff" * (_PIECE_BYTES - len(rest)))
        if self._offset > _PIECE_BYTES:
            self._offset = 0
            self._program(self._first)

    def _write(self, piece: bytes) -> None:
        if self._offset:
            self._program(piece)
        else:
            self._first = piece
        self._offset += _PIECE_BYTES

    def _program(self, piece: bytes) -> None:
        vfs.rom_ioctl(_WRITE, _SEGMENT, self._offset, piece)
        if self._mapped[self._offset : self._offset + _PIECE_BYTES] != piece:
            raise RomfsError("the flash at %d did not take what was written" % self._offset)


def _write_folder(add: "Callable[[bytes], None]", folder: str) -> None:
    for name, is_folder, size in _entries(folder):
        path = folder + "/" + name
        if is_folder:
            add(_uint(_FOLDER) + _uint(_named_bytes(name, _bytes_of(path))))
            add(_uint(len(name)) + name.encode())
            _write_folder(add, path)
            continue
        _begin_file(add, name, size)
        with open(path, "rb") as file:
            data = file.read(_PIECE_BYTES)
            while data:
                add(data)
                data = file.read(_PIECE_BYTES)


def _begin_file(add: "Callable[[bytes], None]", name: str, size: int) -> None:
    add(_uint(_FILE) + _uint(_named_bytes(name, _record_bytes(size))))
    add(_uint(len(name)) + name.encode() + _uint(_DATA) + _uint(size))


def _bytes_of(folder: str) -> int:
    total = 0
    for name, is_folder, size in _entries(folder):
        inner = _bytes_of(folder + "/" + name) if is_folder else _record_bytes(size)
        total += _record_bytes(_named_bytes(name, inner))
    return total


def _entries(folder: str) -> "list[tuple[str, bool, int]]":
    """Return (name, whether a folder, bytes) of what is in `folder`, sorted."""
    found = []
    for entry in os.ilistdir(folder):  # type: ignore[attr-defined]  # MicroPython's
        is_folder = entry[1] == _IS_FOLDER
        found.append((entry[0], is_folder, 0 if is_folder else entry[3]))
    return sorted(found)


def _named_bytes(name: str, inner: int) -> int:
    return _uint_bytes(len(name)) + len(name) + inner


def _record_bytes(payload: int) -> int:
    return 1 + _uint_bytes(payload) + payload


def _uint_bytes(value: int) -> int:
    return len(_uint(value))


def _uint(value: int) -> bytes:
    """Return `value` in groups of seven bits, the highest first."""
    groups = [value & 0x7F]
    while value > 0x7F:
        value >>= 7
        groups.insert(0, value & 0x7F | 0x80)
    return bytes(groups)
