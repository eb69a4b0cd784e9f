"""Cut a board's power again and again while it is updated: `update_cuts_run.py SEED ROUNDS FAULT`.

For MicroPython, whose LittleFS this is. A round is a board with one version in force, a job
that brings another, and a flash that dies at some operations: of the download, of the switch, of
a start, of the commit, of the way back. What dies tears the operation. After each cut the board
starts on what is left, and must find a version there that is whole: all of the old or all of the
new. In the end it has the new one if that proves itself, else the old one; the old one as well
where the power was cut in each of the starts that a version on trial has.

FAULT is "" or a planted bug, which must be found: "early" switches before all files are there.
"""

import asyncio
import gc
import hashlib
import json
import random
import sys

import vfs
from ram_flash import BLOCK, RamFlash

sys.path.append(__file__.rsplit("/", 1)[0])
import slots

from tidenode.update import head
from tidenode.update.app_slot import AppSlot
from tidenode.update.blocks import Blocks
from tidenode.update.errors import UpdateError
from tidenode.update.updater import Board, bring

PLACE = "/cut"
BLOCKS = 72
BLOCK_BYTES = 512
STARTS_MAX = 60  # of one round; a board that needs more never ends
MPY = 6
CUTS_MAX = 6  # of one round
slots.ROOT = PLACE


class PowerCutError(OSError):
    """The power is gone."""


class MortalFlash(RamFlash):
    """Dies at operation `life`, of which `torn` thousandths are done; then it ignores all."""

    def __init__(self, cells, life, torn):
        super().__init__(cells)
        self.life = life
        self.torn = torn
        self.dead = False

    def dies(self):
        if self.dead:
            return True
        self.life -= 1
        self.dead = self.life == 0
        return False

    def writeblocks(self, block, buffer, offset=None):
        if self.dies():
            return
        if self.dead:
            super().writeblocks(block, buffer[: len(buffer) * self.torn // 1_000], offset)
            raise PowerCutError(5)
        super().writeblocks(block, buffer, offset)

    def erase(self, block):
        if self.dies():
            return
        if self.dead:
            end = BLOCK * self.torn // 1_000
            self.cells[block * BLOCK : block * BLOCK + end] = b"\xff" * end
            raise PowerCutError(5)
        super().erase(block)


class Early(AppSlot):
    """Puts the slot in force before it is whole: the planted bug."""

    async def fill(self, blocks, manifest, at, progress):
        slots.begin_trial()
        await super().fill(blocks, manifest, at, progress)

    def switch(self):
        pass


class Version:
    """A program: its files, and the bundle that brings it."""

    def __init__(self, number, dice, keep=None):
        self.files = {}
        for name in ("a/__init__.mpy", "a/b.mpy", "a/c/d.mpy", "a/c/e.mpy", "f.mpy"):
            size = dice.choice((0, 1, 500, 1_400, BLOCK, BLOCK + 700))
            self.files[name] = bytes([dice.randrange(256) for _ in range(16)]) * (size // 16 + 1)
            self.files[name] = self.files[name][:size]
        if keep:
            self.files["a/b.mpy"] = keep.files["a/b.mpy"]
        if number == 2:
            del self.files["f.mpy"]
            self.files["g.mpy"] = b"of the new one only"
        whole, lines = hashlib.sha256(), []
        for name in sorted(self.files):
            data = self.files[name]
            whole.update(data)
            lines.append(json.dumps([name, len(data), hashlib.sha256(data).digest().hex()]))
        header = {
            "format": "tidegauge-update-1",
            "kind": "files",
            "version": "%d.0.0" % number,
            "minimum": "0.0.0",
            "boards": [],
            "downgrade_from": [],
            "mpy": MPY,
            "files": len(self.files),
            "bytes": sum(map(len, self.files.values())),
            "sha256": whole.digest().hex(),
        }
        lines.insert(0, json.dumps(header))
        self.manifest = ("\n".join(lines) + "\n").encode()
        parts = [self.files[name] for name in sorted(self.files)]
        self.bundle = head.prefix(len(self.manifest), b"signed") + self.manifest + b"".join(parts)


class Round:
    """One board from the job to its end."""

    def __init__(self, seed, fault):
        self.dice = dice = random
        dice.seed(seed)
        self.old = Version(1, dice)
        self.new = Version(2, dice, keep=self.old)
        # What becomes of the new one: it proves itself, it never does, or it can't be imported.
        self.fate = ("proves", "proves", "silent", "broken")[dice.randrange(4)]
        self.target = Early if fault == "early" else AppSlot
        self.cuts = self.starts = self.fetched = 0
        self.exhausted = False  # all starts on trial were cut
        self.places = {}
        flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), PLACE)
        for folder in ("", "/update", "/app_a", "/app_a/a", "/app_a/a/c"):
            if folder:
                __import__("os").mkdir(PLACE + folder)
        for name in self.old.files:
            write("/app_a/" + name, self.old.files[name])
        write("/app_a/manifest", self.old.manifest)
        write("/update/a.0.good", b"")
        vfs.umount(PLACE)
        self.cells = flash.cells

    def run(self):
        """Return what is wrong, None if nothing."""
        while True:
            self.starts += 1
            if self.starts > STARTS_MAX:
                return "never ends"
            flash = MortalFlash(self.cells, 1 << 30, self.dice.choice((0, 0, 300, 500, 1_000)))
            vfs.mount(vfs.VfsLfs2(flash), PLACE)
            if self.cuts < CUTS_MAX and self.dice.random() < 0.85:
                # A start on trial has few operations: aim at them.
                on_trial = slots.state()[2] == slots.TRIAL
                flash.life = 1 + self.dice.randrange(4 if on_trial else 60)
            self.place = "start"
            done = failure = None
            try:
                done = self.start()
            except (OSError, UpdateError, AssertionError) as error:
                failure = "%r, start %d, last cuts in %s" % (error, self.starts, self.places)
            finally:
                self.cells = bytearray(flash.cells)
                died, flash.dead = flash.dead, True  # finalisers write to it later
                vfs.umount(PLACE)
            if died:  # with the power went what the program made of it
                self.cuts += 1
                self.places[self.place] = self.places.get(self.place, 0) + 1
            elif failure:
                return failure
            elif done is not None:
                wanted = "new" if self.fate == "proves" and not self.exhausted else "old"
                return None if done == wanted else "ended on %s, not on %s" % (done, wanted)

    def start(self):
        """Start the board once; return the version it ends on, None where it starts anew."""
        on_trial = slots.state()[2] == slots.TRIAL
        folder = slots.choose()
        if on_trial and slots.state()[2] == slots.BACK:
            self.exhausted = True
        self.place = "import"
        which = self.version_in(folder)
        if which == "new" and self.fate == "broken":
            self.place = "fall back"
            assert slots.fall_back("can't be imported"), "nothing to fall back on"
            return None
        _, tries, kind = slots.state()
        if kind == slots.TRIAL:
            self.place = "trial"
            assert tries <= slots.TRIES_MAX, "tried %d times" % tries
            if self.fate == "silent":
                if self.dice.random() < 0.5:
                    slots.end_trial("no echo")
                return None  # or it was reset, by a watchdog say
            slots.settle()
            # Goes on with the job, which now finds its version in force.
        self.place = "update"
        try:
            again = asyncio.run(self.update())
        except UpdateError as error:
            assert "rolled back" in str(error), str(error)
            return which
        return None if again else which

    async def update(self):
        async def fetch(number):
            self.fetched += 1
            return self.new.bundle[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]

        async def report(details):
            self.place = details["step"]

        board = Board(
            ("linux",), MPY, vouched_for, PLACE + "/update/head",
            lambda kind: self.target(slots, 2 * BLOCK),
        )  # fmt: skip
        return await bring(Blocks(fetch, BLOCK_BYTES, len(self.new.bundle)), board, report)

    def version_in(self, folder):
        """Return which version is in `folder`, to the last byte. Raises AssertionError."""
        for name, version in (("old", self.old), ("new", self.new)):
            if read(folder + "/manifest") == version.manifest:
                for path in version.files:
                    found = read(folder + "/" + path)
                    assert found == version.files[path], "%s of %s differs" % (path, name)
                return name
        raise AssertionError("no version in %s" % folder)


def write(path, data):
    with open(PLACE + path, "wb") as file:
        file.write(data)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno == 2:
            return None
        raise


def vouched_for(_digest, _signature):
    return True  # signatures have tests of their own


def main(seed, rounds, fault):
    cuts, starts, failures, places, fates = 0, 0, [], {}, {}
    for number in range(rounds):
        one = Round(seed * 10_000 + number, fault)
        failure = one.run()
        if failure:
            failures.append("round %d (%s): %s" % (number, one.fate, failure))
        cuts += one.cuts
        starts += one.starts
        fates[one.fate] = fates.get(one.fate, 0) + 1
        for place in one.places:
            places[place] = places.get(place, 0) + one.places[place]
        gc.collect()
    print(
        json.dumps(
            {
                "cuts": cuts,
                "starts": starts,
                "places": places,
                "fates": fates,
                "failures": len(failures),
                "first": failures[:5],
            }
        )
    )


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
