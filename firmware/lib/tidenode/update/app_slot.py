"""Lay a new version of the program into the slot that is not in force.

Flow: blocks -> [slot] -> the next start
A file gets its name when all of it is there and is what was signed; so what has its name need not
be fetched again, whatever interrupted it. `part` is the manifest of a slot that is not whole yet.
A file that the version in force has as well is copied.
"""

import hashlib
import os

from tidenode.update.errors import UpdateError, UpdateRefusedError
from tidenode.update.manifest import entries, read_header, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tidenode.update.blocks import Blocks
    from tidenode.update.manifest import Entry

    Progress = Callable[[int], Awaitable[None]]

_CHUNK_BYTES = 512
_SPARE_BLOCKS = 4  # folders grow, and LittleFS never writes in place
_FOLDER_BLOCKS = 2


class AppSlot:
    """The slot that `slots`, the module, says is not in force.

    `reserve_bytes` of the flash are left to others, who may need them while this is filled.
    """

    def __init__(self, slots: "Any", reserve_bytes: int) -> None:
        self._slots = slots
        self._reserve_bytes = reserve_bytes
        slot, _, self._kind = slots.state()
        self._running = slots.folder(slot)
        self._folder = slots.folder(slots.other(slot))

    def version(self) -> str:
        """Return the version in force."""
        try:
            return str(read_header(self._running + "/manifest").version)
        except OSError:
            return "0.0.0"  # laid by hand, without a manifest

    def in_force(self, manifest: str) -> bool:
        """Return whether what the file `manifest` brings is in force already."""
        return same(manifest, self._running + "/manifest")

    def failed(self, manifest: str) -> str:
        """Return why what `manifest` brings was tried and given up; "" where it was not."""
        if self._kind == self._slots.BACK and same(manifest, self._folder + "/manifest"):
            return str(self._slots.why())
        return ""

    def forgive(self) -> None:
        """Let a version that was given up be tried again."""
        self._slots.settle()

    def check(self, manifest: str) -> None:
        """Raise UpdateRefusedError where the slot has no room for what `manifest` brings."""
        facts = os.statvfs(self._slots.ROOT or "/")
        block_bytes = facts[0]
        folders: list[str] = []
        need = _SPARE_BLOCKS + _blocks(_size_of(manifest), block_bytes)
        for entry in entries(manifest):
            need += _blocks(entry.size_bytes, block_bytes)
            folder = entry.path.rsplit("/", 1)[0]
            if folder not in folders:
                folders.append(folder)
                need += _FOLDER_BLOCKS
        # Of a flash that is full it may say that it is more than that: minus a few, unsigned.
        free = facts[3] if facts[3] <= facts[2] else 0
        free += _occupied_blocks(self._folder, block_bytes)
        free -= self._reserve_bytes // block_bytes
        if need > free:
            raise UpdateRefusedError(
                "it needs %d KB of flash, and %d are free"
                % (need * block_bytes >> 10, max(0, free) * block_bytes >> 10)
            )

    async def fill(self, blocks: "Blocks", manifest: str, at: int, progress: "Progress") -> None:
        """Lay down all files, which begin at `at` of `blocks`. Raises UpdateError and OSError.

        `progress(bytes)` is told how far it is.
        """
        begin = at
        self._begin(manifest)
        for entry in entries(self._manifest()):
            path = self._folder + "/" + entry.path
            if _size_of(path) != entry.size_bytes:
                self._make_folders(entry.path)
                if not self._copy(entry):
                    await self._fetch(entry, blocks, at)
                os.rename(self._folder + "/new", path)
            at += entry.size_bytes
            await progress(at - begin)

    def verify(self) -> None:
        """Read everything from the flash again; mark the slot as whole. Raises UpdateError."""
        whole = hashlib.sha256()
        manifest = self._manifest()
        header = read_header(manifest)
        files = 0
        for entry in entries(manifest):
            path = self._folder + "/" + entry.path
            if _digest(path, whole) != entry.sha256:
                self._unmark()
                _remove(path)  # it is fetched again
                raise UpdateError("%s is not on flash as it was sent" % entry.path)
            files += 1
        if whole.digest() != bytes.fromhex(header.sha256) or files != header.files:
            self._unmark()
            raise UpdateRefusedError("the files together are not what was signed")
        if not manifest.endswith("/manifest"):
            os.rename(manifest, self._folder + "/manifest")

    def switch(self) -> None:
        """Put the version in force, on trial, from the next start on."""
        self._slots.begin_trial()

    def _begin(self, manifest: str) -> None:
        if same(manifest, self._manifest()):
            _remove(manifest)
            return
        # The mark goes first: what is half removed is no version to fall back on.
        _remove(self._folder + "/manifest")
        _remove(self._folder + "/part")
        _remove_tree(self._folder)
        os.mkdir(self._folder)
        os.rename(manifest, self._folder + "/part")

    def _manifest(self) -> str:
        name = "manifest" if _size_of(self._folder + "/manifest") >= 0 else "part"
        return "%s/%s" % (self._folder, name)

    def _unmark(self) -> None:
        if self._manifest().endswith("/manifest"):
            os.rename(self._folder + "/manifest", self._folder + "/part")

    def _make_folders(self, path: str) -> None:
        folder = self._folder
        for part in path.split("/")[:-1]:
            folder += "/" + part
            try:
                os.mkdir(folder)
            except OSError:
                pass  # it is there; else the file will tell

    def _copy(self, entry: "Entry") -> bool:
        """Copy the file from the version in force; return False where that has another."""
        source = self._running + "/" + entry.path
        if _size_of(source) != entry.size_bytes or _digest(source) != entry.sha256:
            return False
        with open(source, "rb") as old, open(self._folder + "/new", "wb") as new:
            while True:
                part = old.read(_CHUNK_BYTES)
                if not part:
                    return True
                new.write(part)

    async def _fetch(self, entry: "Entry", blocks: "Blocks", at: int) -> None:
        digest = hashlib.sha256()
        end = at + entry.size_bytes
        with open(self._folder + "/new", "wb") as file:
            while at < end:
                view = (await blocks.at(at))[: end - at]
                digest.update(view)
                file.write(view)
                at += len(view)
        if digest.digest() != entry.sha256:
            _remove(self._folder + "/new")
            raise UpdateRefusedError("%s is not what was signed" % entry.path)


def _blocks(size_bytes: int, block_bytes: int) -> int:
    return max(1, -(-size_bytes // block_bytes))


def _size_of(path: str) -> int:
    """Return the size of the file at `path`; -1 where there is none."""
    try:
        return int(os.stat(path)[6])
    except OSError:
        return -1


def _digest(path: str, whole: "Any" = None) -> bytes:
    """Return the SHA-256 of a file, b"" where there is none; `whole` goes on with it."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(buffer)
                if not count:
                    return digest.digest()
                digest.update(buffer[:count])
                if whole is not None:
                    whole.update(buffer[:count])
    except OSError:
        return b""


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass  # it is not there; what matters is renamed over it, or checked


def _remove_tree(path: str) -> None:
    try:
        names = os.listdir(path)
    except OSError:
        return  # it is not there
    for name in names:
        inner = path + "/" + name
        if os.stat(inner)[0] & 0x4000:
            _remove_tree(inner)
        else:
            os.remove(inner)
    os.rmdir(path)


def _occupied_blocks(path: str, block_bytes: int) -> int:
    """Return about how many blocks would be free without the folder `path`."""
    try:
        names = os.listdir(path)
    except OSError:
        return 0
    blocks = _FOLDER_BLOCKS
    for name in names:
        facts = os.stat(path + "/" + name)
        if facts[0] & 0x4000:
            blocks += _occupied_blocks(path + "/" + name, block_bytes)
        else:
            blocks += _blocks(facts[6], block_bytes)
    return blocks
