"""Write a new MicroPython into the partition that the boot loader does not run from.

Flow: blocks -> [partition] -> the boot loader
Needs a layout with two slots (the OTA variant of MicroPython's images). How far it is stands in the
name of an empty file, one for STRIDE blocks; after an interruption the blocks behind it are written
again. All is read back before the boot loader is told. The boot loader itself goes back to the old
one at the next reset unless the new one marks itself as good (`settle`).

Unproven on hardware: it has run against a stand-in for `esp32.Partition` only.
"""

import hashlib
import os

from tidenode.update.errors import UpdateRefusedError
from tidenode.update.manifest import entries, read_header, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tidenode.update.blocks import Blocks

BLOCK_BYTES = 4_096
STRIDE = 16
_MAGIC = 0xE9  # first byte of an image
_CHIP_AT = 12
_BLOCK_COUNT = 4


class ImageSlot:
    """`partition` is `esp32.Partition`; what is noted lies in `folder`, on the flash for files.

    `version` is that of the MicroPython that runs.
    """

    def __init__(self, partition: "Any", folder: str, version: str) -> None:
        self._running = partition(partition.RUNNING)
        try:
            self._next = self._running.get_next_update()
        except OSError:
            raise UpdateRefusedError("this board's flash has no second slot for MicroPython")
        self._folder = folder
        self._version = version

    def version(self) -> str:
        """Return the version that runs."""
        return self._version

    def in_force(self, manifest: str) -> bool:
        """Return whether what the file `manifest` brings runs already."""
        return same(manifest, self._note("manifest." + _label(self._running)))

    def failed(self, manifest: str) -> str:
        """Return why what `manifest` brings was given up; "" where it was not tried."""
        label = _label(self._next)
        if self._switched() == label and same(manifest, self._note("manifest." + label)):
            return "the boot loader went back to the one before"
        return ""

    def forgive(self) -> None:
        """Let what was given up be tried again."""
        self._forget("switched.")

    def check(self, manifest: str) -> None:
        """Raise UpdateRefusedError where there is no room for what `manifest` brings."""
        size_bytes = read_header(manifest).bytes
        room_bytes = self._next.ioctl(_BLOCK_COUNT, 0) * BLOCK_BYTES
        if size_bytes > room_bytes:
            raise UpdateRefusedError("image of %d bytes, slot of %d" % (size_bytes, room_bytes))
        if len(list(entries(manifest))) != 1:
            raise UpdateRefusedError("an image is one file")

    async def fill(
        self,
        blocks: "Blocks",
        manifest: str,
        at: int,
        progress: "Callable[[int], Awaitable[None]]",
    ) -> None:
        """Write the image, which begins at `at` of `blocks`. Raises UpdateError and OSError."""
        size_bytes = read_header(manifest).bytes
        note = self._note("manifest." + _label(self._next))
        done = self._done() if same(manifest, note) else 0
        if not done:
            self._forget("blocks.")
            os.rename(manifest, note)
        buffer = bytearray(BLOCK_BYTES)
        for number in range(done, -(-size_bytes // BLOCK_BYTES)):
            begin = number * BLOCK_BYTES
            used = min(BLOCK_BYTES, size_bytes - begin)
            filled = 0
            while filled < used:
                part = (await blocks.at(at + begin + filled))[: used - filled]
                buffer[filled : filled + len(part)] = part
                filled += len(part)
            for position in range(used, BLOCK_BYTES):
                buffer[position] = 0xFF
            if not number:
                self._check_chip(buffer)
            self._next.writeblocks(number, buffer)
            if (number + 1) % STRIDE == 0:
                self._forget("blocks.")
                with open(self._note("blocks.%d" % (number + 1)), "wb"):
                    pass
            await progress(begin + used)

    def verify(self) -> None:
        """Read the image back. Raises UpdateError where it is not what was signed."""
        note = self._note("manifest." + _label(self._next))
        header = read_header(note)
        digest = hashlib.sha256()
        buffer = bytearray(BLOCK_BYTES)
        for number in range(-(-header.bytes // BLOCK_BYTES)):
            self._next.readblocks(number, buffer)
            digest.update(
                memoryview(buffer)[: min(BLOCK_BYTES, header.bytes - number * BLOCK_BYTES)]
            )
        if digest.digest() != bytes.fromhex(header.sha256):
            self._forget("blocks.")  # all of it is fetched again
            os.remove(note)
            raise UpdateRefusedError("the image is not what was signed")

    def switch(self) -> None:
        """Tell the boot loader to start it, once, until it marks itself as good."""
        with open(self._note("switched." + _label(self._next)), "wb"):
            pass
        self._next.set_boot()

    def on_trial(self) -> bool:
        """Return whether what runs has still to prove itself."""
        return self._switched() == _label(self._running)

    def settle(self) -> None:
        """What runs has proved itself: the boot loader keeps to it."""
        self._running.mark_app_valid_cancel_rollback()
        self._forget("switched.")

    def _check_chip(self, first: bytearray) -> None:
        """Refuse an image for another chip: the running one says for which it is."""
        mine = bytearray(BLOCK_BYTES)
        self._running.readblocks(0, mine)
        chips = _CHIP_AT, _CHIP_AT + 2
        if first[0] != _MAGIC or first[slice(*chips)] != mine[slice(*chips)]:
            raise UpdateRefusedError("the image is for another chip, or none")

    def _done(self) -> int:
        return max([0] + [int(name[7:]) for name in self._notes("blocks.")])

    def _switched(self) -> str:
        names = self._notes("switched.")
        return names[0][9:] if names else ""

    def _notes(self, begin: str) -> "list[str]":
        return [name for name in os.listdir(self._folder) if name.startswith(begin)]

    def _forget(self, begin: str) -> None:
        for name in self._notes(begin):
            os.remove(self._note(name))

    def _note(self, name: str) -> str:
        return self._folder + "/" + name


def _label(partition: "Any") -> str:
    return str(partition.info()[4])
