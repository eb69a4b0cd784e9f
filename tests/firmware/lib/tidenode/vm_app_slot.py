"""Room for an update on a real LittleFS."""

import os

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.boots import count_boot
from tidenode.update.app_slot import AppSlot
from tidenode.update.errors import UpdateRefusedError

PLACE = "/flash"
MANIFEST = PLACE + "/head"
BLOCKS = 40


class Slots:
    """The module `slots` of a board without a second version."""

    ROOT = PLACE
    BACK = "back"

    def state(self):
        return "a", 0, "good"

    def folder(self, slot):
        return "%s/app_%s" % (PLACE, slot)

    def other(self, slot):
        return "b" if slot == "a" else "a"


def fill(size_bytes):
    """Write files of so many bytes until the flash takes no more of one."""
    names = 0
    try:
        while True:
            with open("%s/%d-%d" % (PLACE, size_bytes, names), "wb") as file:
                for _ in range(size_bytes // 60):
                    file.write(bytes(60))
            names += 1
    except OSError as error:
        assert error.errno == 28, error


async def test_a_flash_that_is_full_has_no_room():
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), PLACE)
    with open(MANIFEST, "w") as file:
        file.write('{}\n["tidenode/app.mpy", 9000, "%s"]\n' % ("0" * 64))
    AppSlot(Slots(), 0).check(MANIFEST)
    os.mkdir(PLACE + "/outbox")
    for size_bytes in (BLOCKS * BLOCK, 600, 60):
        fill(size_bytes)
    for _ in range(100):
        count_boot(PLACE + "/outbox")
    facts = os.statvfs(PLACE)
    assert facts[3] > facts[2], facts  # minus a few
    try:
        AppSlot(Slots(), 0).check(MANIFEST)
    except UpdateRefusedError as error:
        assert str(error).endswith("and 0 are free"), error
    else:
        raise AssertionError("there is room")
