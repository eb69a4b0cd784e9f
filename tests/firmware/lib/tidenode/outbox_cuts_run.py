"""Cut the power at every operation of the flash below an outbox: `outbox_cuts_run.py SEED WHICH`.

For MicroPython, whose LittleFS this is. A workload runs once, uncut, while every program and
erase is written down beside what the outbox had promised by then. Then, for each operation
and each way to tear it, a flash as the cut leaves it is mounted, the board boots on it, and
what it finds is held to the promises. Prints how many there were.

WHICH is `segments` or `ring`; `gathered`, segments of several batches; or `hasty` and
`hasty-ring`, whose batches count as promised when they are only gathered: a harness that finds
nothing wrong with those would be worth nothing.
"""

import gc
import json
import random
import sys

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.boots import count_boot
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox
from tidenode.recovery import recover
from tidenode.ring import Ring
from tidenode.segments import Segments

PLACE, FOLDER = "/cut", "/cut/outbox"
BLOCKS, RING_BLOCKS = 20, 5
BYTES_MAX = 5 * BLOCK
STEPS, RING_STEPS = 45, 320
TEARS = 3
FAILURES_SHOWN = 5


class Board:
    """An outbox on a flash: files on a LittleFS, or a ring on all of it."""

    def __init__(self, which):
        self.ring = which in ("ring", "hasty-ring")
        self.hasty = which.startswith("hasty")
        self.sync_batches = 3 if which == "gathered" or self.hasty else 1
        self.blocks = RING_BLOCKS if self.ring else BLOCKS

    def format(self, flash):
        if not self.ring:
            vfs.VfsLfs2.mkfs(flash)

    def mount(self, flash):
        self.flash = flash
        if not self.ring:
            vfs.mount(vfs.VfsLfs2(flash), PLACE)

    def umount(self):
        if not self.ring:
            vfs.umount(PLACE)

    def boot(self):
        """Return the number of the start and the outbox."""
        number = 0 if self.ring else count_boot(FOLDER)
        if self.ring:
            storage = Ring(self.flash)
        else:
            storage = Segments(folder=FOLDER, found=recover(FOLDER), bytes_max=BYTES_MAX)
        outbox = Outbox(storage=storage, now_ms=lambda: 0, warn=no, sync_batches=self.sync_batches)
        return number, outbox


def no(message):
    raise AssertionError(message)


class Promises:
    """What an outbox has said of its flash until now."""

    def __init__(self):
        self.queued = []  # entries it holds, and must
        self.doubtful = []  # entries an unfinished call may have let in or out
        self.acknowledged = []  # entries that may come again
        self.dropped = 0
        self.next_sequence = 0
        self.boot = 0

    def copy(self):
        other = Promises()
        other.queued, other.doubtful = list(self.queued), list(self.doubtful)
        other.acknowledged = list(self.acknowledged)
        other.dropped, other.next_sequence = self.dropped, self.next_sequence
        other.boot = self.boot
        return other


def payload_of(entry):
    return (("%d:" % entry.sequence).encode() * entry.size_bytes)[: entry.size_bytes]


class Work:
    """The workload; `states` is [(operations done, Promises)], one when each call begins."""

    def __init__(self, board, dice):
        self.board = board
        self.dice = dice
        self.states = []
        self.promises = Promises()
        self.gathered = []
        self.boot()

    def begin(self, *doubtful):
        self.promises.doubtful = self.gathered + list(doubtful)
        self.states.append((len(self.board.flash.journal), self.promises.copy()))

    def boot(self):
        self.gathered = []  # in RAM only
        self.begin()
        self.promises.boot, self.outbox = self.board.boot()
        self.held = []
        after = -1
        while True:
            entry = self.outbox.next_after(after)
            if entry is None:
                break
            self.held.append(entry)
            after = entry.sequence
        come_again = [entry for entry in self.held if entry not in self.promises.queued]
        assert not [entry for entry in come_again if entry not in self.promises.acknowledged]
        self.promises.queued = self.held

    def settle(self, accepted):
        """Note what a call made durable, by the outbox's count, and what it let go for room."""
        made = self.outbox.accepted - accepted
        promises = self.promises
        while self.gathered and (made > 0 or self.board.hasty):
            made -= self.gathered[0].samples
            promises.queued.append(self.gathered.pop(0))
            promises.next_sequence = promises.queued[-1].sequence + 1
        while promises.queued and not self.outbox.holds(promises.queued[0]):
            promises.dropped += promises.queued.pop(0).samples
        assert promises.dropped == self.outbox.dropped, (promises.dropped, self.outbox.dropped)

    def push(self):
        sizes = (1, 90, 300, 2_000, BLOCK) if not self.board.ring else (1, 64, 64, 90, 300, 2_000)
        entry = Entry(
            self.outbox.next_sequence,
            1 + self.dice.randrange(60) * self.dice.randrange(2),
            self.dice.choice(sizes),
            self.dice.choice(("climate", "climate", "health")),
        )
        accepted = self.outbox.accepted
        self.begin(entry)
        self.outbox.push(entry.measurement, entry.samples, payload_of(entry))
        self.gathered.append(entry)
        self.settle(accepted)

    def acknowledge(self):
        # Mostly in order; a window lets one overtake another.
        entry = self.outbox.next_after(-1)
        if entry is None:
            return
        if self.dice.random() < 0.3:
            entry = self.outbox.next_after(entry.sequence) or entry
        if entry not in self.promises.queued:
            assert self.board.hasty
            return
        self.promises.queued.remove(entry)
        self.promises.acknowledged.append(entry)
        self.begin(entry)
        self.outbox.acknowledge(entry)

    def lose(self):
        samples = 1 + self.dice.randrange(60)
        accepted = self.outbox.accepted
        self.begin(Entry(self.outbox.next_sequence, samples, 0, ""))
        self.outbox.lose(samples)
        self.promises.dropped += samples
        self.settle(accepted)
        self.promises.next_sequence = self.outbox.next_sequence

    def end(self):
        accepted = self.outbox.accepted
        self.begin()
        self.outbox.sync()
        self.settle(accepted)
        self.begin()
        self.outbox.settle()
        self.settle(self.outbox.accepted)

    def run(self, steps):
        for _ in range(steps):
            step = self.dice.random()
            if step < 0.6:
                self.push()
            elif step < 0.85:
                self.acknowledge()
            elif step < 0.9:
                self.lose()
            elif step < 0.93:
                accepted = self.outbox.accepted
                self.begin()
                self.outbox.sync()
                self.settle(accepted)
            elif not (self.board.hasty and self.gathered):
                if step > 0.965:
                    self.end()
                self.boot()
        self.begin()


def failure_of(board, cells, promises):
    """Return what is wrong with the flash after a cut; None when all promises are kept."""
    try:
        board.mount(RamFlash(cells))
    except OSError as error:
        return "does not mount: %r" % error
    try:
        return broken_promise(board, promises)
    except (OSError, OutboxError, AssertionError) as error:
        return "%r" % error
    finally:
        board.umount()


def broken_promise(board, promises):
    number, outbox = board.boot()
    if number <= promises.boot and not board.ring:
        return "a boot came twice"
    found = entries_of(outbox)
    failure = wrong_queue(promises, found) or wrong_counters(promises, found, outbox)
    if failure:
        return failure
    sequence = outbox.next_sequence
    outbox.push("climate", 1, b"goes on")
    outbox.sync()
    again = board.boot()[1]
    entry = again.next_after(sequence - 1)
    return None if entry and entry.size_bytes == 7 else "keeps nothing any more"


def entries_of(outbox):
    found, entry = [], outbox.next_after(-1)
    while entry is not None:
        payload = bytearray(entry.size_bytes)
        outbox.read_into(entry, memoryview(payload))
        assert payload == payload_of(entry), entry
        assert not found or entry.sequence > found[-1].sequence, "out of order"
        found.append(entry)
        entry = outbox.next_after(entry.sequence)
    return found


def wrong_queue(promises, found):
    missing = [entry for entry in promises.queued if entry not in found]
    if missing != promises.queued[: len(missing)]:
        return "lost in the middle: %r" % missing
    new = [entry for entry in found if entry not in promises.queued]
    if [one for one in new if one not in promises.doubtful and one not in promises.acknowledged]:
        return "came back from the dead: %r" % new
    return None


def wrong_counters(promises, found, outbox):
    # What a push let go for room is counted by the same operation that took it out.
    counted = outbox.dropped - promises.dropped
    expected = sum([entry.samples for entry in promises.queued if entry not in found])
    unfinished = [entry.samples for entry in promises.doubtful if entry not in found]
    if counted != expected and counted not in [expected + samples for samples in unfinished]:
        return "dropped %d, counted %d" % (expected, counted)
    reached = max([promises.next_sequence] + [entry.sequence + 1 for entry in promises.doubtful])
    if not promises.next_sequence <= outbox.next_sequence <= reached:
        return "sequence goes on with %d, not %d" % (outbox.next_sequence, promises.next_sequence)
    return None


def torn(cells, operation, way):
    """Return the flash as a cut leaves it: before the operation, in its middle, or all over it."""
    at, data = operation
    data = b"\xff" * BLOCK if data is None else data
    left = bytearray(cells)
    if way == 1:
        done = len(data) // 2
        left[at : at + done] = data[:done]
    elif way == 2:
        for position, byte in enumerate(data):
            if random.getrandbits(1):
                left[at + position] = byte
    return left


def apply(cells, operation):
    at, data = operation
    data = b"\xff" * BLOCK if data is None else data
    cells[at : at + len(data)] = data


def main(seed, which):
    board = Board(which)
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * board.blocks)))
    board.format(flash)
    cells, flash.journal = bytearray(flash.cells), []
    board.mount(flash)
    random.seed(seed)
    work = Work(board, random)
    work.run(RING_STEPS if board.ring else STEPS)
    board.umount()
    states = work.states
    cuts, failures = 0, []
    for number, operation in enumerate(flash.journal):
        while len(states) > 1 and states[1][0] <= number:
            states.pop(0)
        for way in range(TEARS):
            cuts += 1
            failure = failure_of(board, torn(cells, operation, way), states[0][1])
            if failure:
                failures.append("operation %d, way %d: %s" % (number, way, failure))
            gc.collect()
        apply(cells, operation)
    assert cells == flash.cells
    failure = failure_of(board, cells, states[-1][1])
    if failure:
        failures.append("at the end: " + failure)
    print(
        json.dumps(
            {
                "operations": len(flash.journal),
                "cuts": cuts,
                "boots": states[-1][1].boot,
                "dropped": states[-1][1].dropped,
                "failures": len(failures),
                "first": failures[:FAILURES_SHOWN],
            }
        )
    )


main(int(sys.argv[1]), sys.argv[2])
