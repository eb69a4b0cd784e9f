"""`romfs` on the VM, against a partition in RAM: `romfs_run.py CASE`, a function below."""

import binascii
import json
import os
import sys

import vfs

sys.path.append(__file__.rsplit("/", 1)[0] + "/lib/tidenode")  # ram_flash

import romfs
from ram_flash import RamFlash

BLOCK = 4096
FILES = {
    "/app_a/manifest": b"the manifest of a\n",
    "/app_a/tidenode/__init__.mpy": b"",
    "/app_a/tidenode/app.mpy": bytes(range(256)) * 9,
    "/app_a/tidenode/drivers/chip.mpy": b"\x4d\x06\x00\x1f" * 300,
    "/app_a/tidewire/batch.mpy": b"x" * 127,
    "/app_b/manifest": b"the manifest of b\n",
    "/app_b/tidenode/app.mpy": b"another" * 100,
}


class PowerCutError(Exception):
    pass


class Mapped:
    """What a board's `vfs` is: with a partition, whose writes may end in a power cut."""

    VfsRom, mount, umount = vfs.VfsRom, vfs.mount, vfs.umount

    def __init__(self, size):
        self.cells = bytearray(size)
        self.left = None  # writes and erases until the power goes
        self.writes = 0
        self.deaf = False

    def rom_ioctl(self, operation, _segment=0, *arguments):
        if operation == 2:
            return memoryview(self.cells)
        if operation == 3:
            for at in range(0, arguments[0], BLOCK):
                self._tick()
                self.cells[at : at + BLOCK] = b"\xff" * BLOCK
        elif operation == 4:
            self._tick()
            at, data = arguments
            if not self.deaf:
                self.cells[at : at + len(data)] = data
        return 0

    def _tick(self):
        self.writes += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise PowerCutError


def board(size=0x8000):
    """Return the stand-in of `vfs`, with the slots on a LittleFS at the root."""
    device = RamFlash(bytearray(64 * BLOCK))
    vfs.VfsLfs2.mkfs(device)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(device), "/")
    for path in sorted(FILES):
        folder = ""
        for part in path.split("/")[1:-1]:
            folder += "/" + part
            if not exists(folder):
                os.mkdir(folder)
        with open(path, "wb") as file:
            file.write(FILES[path])
    romfs.vfs = Mapped(size)
    return romfs.vfs


def copied():
    """Where it runs from, and the image, for the host to compare; then again, and the other."""
    mapped = board()
    home = romfs.home_of("/app_a")
    image, writes = bytes(mapped.cells), mapped.writes
    again = romfs.home_of("/app_a")
    assert mapped.writes == writes, "written again"
    whole = read_all("/app_a", home)
    other = romfs.home_of("/app_b")
    switched = read_all("/app_b", other) and not exists(other + "/tidenode/drivers")
    return [home, again, whole, switched, binascii.hexlify(image).decode()]


def cuts():
    """How often the power could be cut, and how often a wrong program was run after it."""
    mapped = board()
    wrong = tried = 0
    while True:
        romfs.home_of("/app_b")  # the version before
        mapped.left = tried
        try:
            romfs.home_of("/app_a")
        except PowerCutError:
            mapped.left = None
            slot = "/app_a" if tried % 2 else "/app_b"  # either may be in force then
            home = romfs.home_of(slot)
            wrong += home != romfs.MOUNT or not read_all(slot, home)
            tried += 1
            continue
        return [tried, wrong]


def refused():
    """Where a program runs from that has no room, whose flash is deaf, without a partition."""
    small = board(2 * 1024)
    homes = [romfs.home_of("/app_a")]
    deaf = board()
    deaf.deaf = True
    homes.append(romfs.home_of("/app_a"))
    romfs.vfs = vfs  # the unix port's has no rom_ioctl
    homes.append(romfs.home_of("/app_a"))
    assert small.writes == 0, "touched though it has no room"
    return homes


def changed():
    """Whether a file that somebody put into the slot by hand is in the copy."""
    board()
    romfs.home_of("/app_a")
    with open("/app_a/tidenode/drivers/mine.mpy", "wb") as file:
        file.write(b"mine")
    return exists(romfs.home_of("/app_a") + "/tidenode/drivers/mine.mpy")


def read_all(folder, home):
    for path, data in FILES.items():
        if path.startswith(folder + "/"):
            with open(home + path[len(folder) :], "rb") as file:
                if file.read() != data:
                    return False
    return True


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


print(json.dumps(globals()[sys.argv[1]]()))
