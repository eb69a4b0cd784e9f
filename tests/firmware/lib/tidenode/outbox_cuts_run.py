"""Cut the power at every operation of the flash below an outbox: `outbox_cuts_run.py SEED WHICH`.

For MicroPython, whose LittleFS this is. A workload runs once, uncut, while every program and
erase is written down beside what the outbox had promised by then. Then, for each operation
and each way to tear it, a flash as the cut leaves it is mounted, the board boots on it, and
what it finds is held to the promises. Prints how many there were.

WHICH is `outbox`, or `hasty` for one that promises a batch before it is durable: a harness
that finds nothing wrong with that would be worth nothing.
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

PLACE, FOLDER = "/cut", "/cut/outbox"
BLOCKS = 20
BYTES_MAX = 5 * BLOCK
STEPS = 45
FAILURES_SHOWN = 5


class Hasty(Outbox):
    """Promises a batch and writes it when it is next called: the planted bug."""

    def __init__(self, **options):
        self.held = None
        super().__init__(**options)

    def settle(self):
        held, self.held = self.held, None
        if held:
            super().push(*held)

    def push(self, measurement, samples, payload):
        self.settle()
        self.held = (measurement, samples, payload)
        return Entry(self.next_sequence, samples, len(payload), measurement)

    def holds(self, entry):
        return entry.sequence == self.next_sequence or super().holds(entry)

    def lose(self, samples):
        self.settle()
        super().lose(samples)

    def next_after(self, sequence):
        self.settle()
        return super().next_after(sequence)


class Promises:
    """What an outbox has said of its flash until now."""

    def __init__(self):
        self.queued = []  # entries it holds, and must
        self.doubtful = []  # entries an unfinished call may have let in or out
        self.dropped = 0
        self.next_sequence = 0
        self.boot = 0

    def copy(self):
        other = Promises()
        other.queued, other.doubtful = list(self.queued), list(self.doubtful)
        other.dropped, other.next_sequence = self.dropped, self.next_sequence
        other.boot = self.boot
        return other


def payload_of(entry):
    return (("%d:" % entry.sequence).encode() * entry.size_bytes)[: entry.size_bytes]


def work(flash, outbox_class, dice):
    """Return [(operations done, Promises)]: how far each call had come, and what held in it."""
    states, promises = [], Promises()

    def call_begins(*doubtful):
        promises.doubtful = list(doubtful)
        states.append((len(flash.journal), promises.copy()))

    def boot():
        call_begins()
        promises.boot = count_boot(FOLDER)
        return outbox_class(folder=FOLDER, bytes_max=BYTES_MAX)

    outbox = boot()
    for _ in range(STEPS):
        step = dice.random()
        if step < 0.55:
            size_bytes = dice.choice((1, 90, 300, 2_000, BLOCK, BLOCK + 1))
            entry = Entry(promises.next_sequence, 1 + dice.randrange(60), size_bytes, "climate")
            call_begins(entry)
            pushed = outbox.push(entry.measurement, entry.samples, payload_of(entry))
            assert pushed == entry, (pushed, entry)
            promises.queued.append(entry)
            promises.next_sequence += 1
            while not outbox.holds(promises.queued[0]):
                promises.dropped += promises.queued.pop(0).samples
            assert promises.dropped == outbox.dropped
        elif step < 0.85 and len(outbox):
            # Mostly in order; a window lets one overtake another.
            entry = outbox.next_after(-1)
            if dice.random() < 0.3:
                entry = outbox.next_after(entry.sequence) or entry
            promises.queued.remove(entry)
            call_begins(entry)
            outbox.acknowledge(entry)
        elif step < 0.9:
            samples = 1 + dice.randrange(60)
            call_begins(Entry(promises.next_sequence, samples, 0, ""))
            outbox.lose(samples)
            promises.next_sequence += 1
            promises.dropped += samples
        else:
            outbox.next_after(-1)
            outbox = boot()
    call_begins()
    return states


def failure_of(cells, promises):
    """Return what is wrong with the flash after a cut; None when all promises are kept."""
    try:
        fs = vfs.VfsLfs2(RamFlash(cells))
        vfs.mount(fs, PLACE)
    except OSError as error:
        return "does not mount: %r" % error
    try:
        return broken_promise(promises)
    except (OSError, OutboxError, AssertionError) as error:
        return "%r" % error
    finally:
        vfs.umount(PLACE)


def broken_promise(promises):
    if count_boot(FOLDER) <= promises.boot:
        return "a boot came twice"
    outbox = Outbox(folder=FOLDER, bytes_max=BYTES_MAX)
    found = entries_of(outbox)
    failure = wrong_queue(promises, found) or wrong_counters(promises, found, outbox)
    if failure:
        return failure
    entry = outbox.push("climate", 1, b"goes on")
    again = Outbox(folder=FOLDER, bytes_max=BYTES_MAX)
    return None if again.holds(entry) else "keeps nothing any more"


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
    if [entry for entry in new if entry not in promises.doubtful]:
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


def torn(cells, operation):
    """Yield the flash as each way to tear `operation` leaves it."""
    at, data = operation
    if data is None:
        for erased in (0, BLOCK // 2):
            left = bytearray(cells)
            left[at : at + erased] = b"\xff" * erased
            yield left
    else:
        for programmed in (0, len(data) // 2):
            left = bytearray(cells)
            left[at : at + programmed] = data[:programmed]
            yield left


def apply(cells, operation):
    at, data = operation
    data = b"\xff" * BLOCK if data is None else data
    cells[at : at + len(data)] = data


def main(seed, which):
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), PLACE)
    cells, flash.journal = bytearray(flash.cells), []
    random.seed(seed)
    states = work(flash, Hasty if which == "hasty" else Outbox, random)
    vfs.umount(PLACE)
    cuts, failures = 0, []
    for number, operation in enumerate(flash.journal):
        while len(states) > 1 and states[1][0] <= number:
            states.pop(0)
        for left in torn(cells, operation):
            cuts += 1
            failure = failure_of(left, states[0][1])
            if failure:
                failures.append("operation %d: %s" % (number, failure))
            gc.collect()
        apply(cells, operation)
    assert cells == flash.cells
    failure = failure_of(cells, states[-1][1])
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
