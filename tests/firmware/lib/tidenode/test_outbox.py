"""The outbox does as a simple model does, on both storages, over restarts, damage and cuts."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.firmware import vm
from tests.firmware.lib.tidenode.storages import BLOCK, Flash
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox

CUTS = Path(__file__).with_name("outbox_cuts_run.py")
CUTS_HEAP_BYTES = 16 << 20  # two flashes in RAM: it is the harness that needs it
HEADS_BYTES_MAX = 200  # of a ring's block and a record


def payload_of(sequence: int, size_bytes: int) -> bytes:
    return (b"%d," % sequence * size_bytes)[:size_bytes]


class OutboxAgainstModel(RuleBasedStateMachine):
    """The model is a list of entries, those gathered and not yet durable, and a count."""

    storage = "segments"

    @initialize(sync_batches=st.sampled_from([1, 1, 3, 64]))
    def begin(self, sync_batches: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.flash = Flash(self.storage, Path(self.folder.name, "outbox"))
        self.sync_batches = sync_batches
        self.entries: list[Entry] = []
        self.gathered: list[Entry] = []
        self.acknowledged: dict[int, Entry] = {}
        self.dropped = 0
        self.damaged = False
        self.open()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def open(self) -> None:
        self.outbox = self.flash.opened(sync_batches=self.sync_batches, sync_age_ms=1_000)
        self.heard = 0
        self.outbox.pushed = self.hear

    def hear(self) -> None:
        self.heard += 1

    def next_sequence(self) -> int:
        return self.outbox.next_sequence

    def settle(self) -> None:
        """Let the model follow what was let go for room: the oldest, and counted."""
        while self.entries and not self.outbox.holds(self.entries[0]):
            self.dropped += self.entries.pop(0).samples

    def synced(self) -> None:
        self.entries += self.gathered
        self.gathered = []
        self.settle()

    @rule(
        size_bytes=st.sampled_from([1, 100, 1_000, BLOCK - HEADS_BYTES_MAX]),
        samples=st.integers(1, 600),
        measurement=st.sampled_from(["climate", "new", "sent", "dropped", "boots"]),
    )
    def push(self, size_bytes: int, samples: int, measurement: str) -> None:
        entry = Entry(self.outbox.next_sequence, samples, size_bytes, measurement)
        heard, accepted = self.heard, self.outbox.accepted
        self.outbox.push(measurement, samples, payload_of(entry.sequence, size_bytes))
        assert self.outbox.next_sequence == entry.sequence + 1
        if self.heard == heard:
            assert self.outbox.accepted == accepted
            self.gathered.append(entry)
            assert len(self.gathered) < self.sync_batches
            return
        before = sum(one.samples for one in self.gathered)
        made_durable = self.outbox.accepted - accepted
        assert made_durable in (before, before + samples)  # all, or what there was no room beside
        self.synced()
        if made_durable == before + samples:
            self.entries.append(entry)
            self.settle()
        else:
            self.gathered.append(entry)

    @rule()
    def sync(self) -> None:
        self.outbox.sync()
        self.synced()

    @rule()
    def end(self) -> None:
        """What was acknowledged in order is durably gone, unless a batch would go with it."""
        before = sum(self.flash.device.erases)
        self.outbox.sync()
        self.synced()
        synced = sum(self.flash.device.erases)
        self.outbox.settle()
        assert sum(self.flash.device.erases) - synced <= 1 + (synced - before > 0)
        self.is_the_model()
        self.restart()

    @rule(pause_ms=st.sampled_from([1, 999, 1_000]))
    def wait(self, pause_ms: int) -> None:
        self.flash.now_ms += pause_ms
        accepted = self.outbox.accepted
        self.outbox.sync_if_old()
        if self.outbox.accepted != accepted:
            self.synced()
        assert pause_ms < 1_000 or not self.gathered

    @rule(samples=st.integers(1, 600))
    def push_too_much(self, samples: int) -> None:
        too_much = bytes(self.outbox.batch_bytes_max + 1)
        with pytest.raises(OutboxError, match=f"outbox of {len(too_much) - 1}"):
            self.outbox.push("climate", samples, too_much)
        self.dropped += samples
        self.synced()

    @rule(samples=st.integers(1, 600))
    def lose(self, samples: int) -> None:
        self.outbox.lose(samples)
        self.dropped += samples
        self.synced()

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        entry = self.entries.pop(data.draw(st.integers(0, len(self.entries) - 1)))
        self.acknowledged[entry.sequence] = entry
        assert self.outbox.acknowledge(entry)
        assert not self.outbox.acknowledge(entry)

    def large(self) -> list[Entry]:
        """Return entries whose payload can be found; the last may count as cut, not damaged."""
        last = self.outbox.next_sequence - len(self.gathered) - 1
        return [one for one in self.entries if one.size_bytes >= 100 and one.sequence != last]

    @precondition(lambda self: self.large())
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        large = self.large()
        entry = large[data.draw(st.integers(0, len(large) - 1))]
        self.flash.damage(payload_of(entry.sequence, entry.size_bytes))
        before = self.outbox.dropped
        with pytest.raises(OutboxError, match=f"sequence {entry.sequence} is damaged"):
            self.outbox.read_into(entry, memoryview(bytearray(entry.size_bytes)))
        assert not self.outbox.holds(entry)
        assert self.outbox.dropped == before + entry.samples
        self.entries.remove(entry)
        self.dropped += entry.samples
        self.damaged = True

    @rule()
    def restart(self) -> None:
        """What was acknowledged may come again, in its place; what was gathered is gone."""
        durable = self.outbox.next_sequence - len(self.gathered)
        self.gathered = []
        self.open()
        assert self.outbox.next_sequence == durable
        found = self.found()
        assert [one for one in found if one.sequence not in self.acknowledged] == self.entries
        assert all(self.acknowledged.get(one.sequence, one) == one for one in found)
        self.entries = found
        for entry in found:
            self.acknowledged.pop(entry.sequence, None)
        if self.damaged:  # it may be found, and counted, anew
            self.dropped = self.outbox.dropped

    def found(self) -> list[Entry]:
        """Return what is queued, each read and compared; what can't be read is let go."""
        found, after = [], -1
        while entry := self.outbox.next_after(after):
            after = entry.sequence
            assert self.outbox.holds(entry)
            read = bytearray(entry.size_bytes)
            try:
                self.outbox.read_into(entry, memoryview(read))
            except OutboxError:
                assert self.damaged
                continue
            assert read == payload_of(entry.sequence, entry.size_bytes)
            found.append(entry)
        return found

    @invariant()
    def is_the_model(self) -> None:
        outbox = self.outbox
        assert self.found() == self.entries
        assert outbox.dropped == self.dropped
        assert len(outbox) == len(self.entries) + len(self.gathered)
        assert self.flash.warnings == []
        self.flash.assert_bounded()


class OutboxOnARingAgainstModel(OutboxAgainstModel):
    storage = "ring"


_LIMITS = settings(max_examples=60, stateful_step_count=30, deadline=None)
OutboxAgainstModel.TestCase.settings = _LIMITS
OutboxOnARingAgainstModel.TestCase.settings = _LIMITS
TestOutboxAgainstModel = OutboxAgainstModel.TestCase
TestOutboxOnARingAgainstModel = OutboxOnARingAgainstModel.TestCase


@pytest.mark.parametrize(
    ("which", "seed"),
    [(which, seed) for which in ("segments", "gathered", "ring") for seed in (1, 2)],
)
def test_a_power_cut_at_any_operation_of_the_flash_costs_nothing_durable(
    which: str, seed: int
) -> None:
    result = vm.run(CUTS, str(seed), which, heap_bytes=CUTS_HEAP_BYTES)
    assert result["failures"] == 0, f"seed {seed}: {result['first']}"
    assert result["cuts"] == 3 * result["operations"] >= 1_000
    assert result["dropped"] > 0
    assert result["boots"] > 1 or which == "ring"


@pytest.mark.parametrize("which", ["hasty", "hasty-ring"])
def test_the_power_cuts_find_an_outbox_that_promises_before_it_is_durable(which: str) -> None:
    result = vm.run(CUTS, "1", which, heap_bytes=CUTS_HEAP_BYTES)
    assert result["failures"] >= 100


def short_of_heap(flash: Flash, outbox: Outbox, calls: int) -> None:
    """Let so many writes find no memory."""

    def starved(real: Any) -> Any:
        def write(*arguments: Any) -> None:
            nonlocal calls
            calls -= 1
            if calls >= 0:
                raise MemoryError
            real(*arguments)

        return write

    if flash.storage == "ring":
        flash.device.writeblocks = starved(flash.device.writeblocks)  # type: ignore[method-assign]  # there is no heap of a host's to fill
    else:
        outbox._storage._write = starved(outbox._storage._write)


@pytest.mark.parametrize("storage", ["segments", "ring"])
def test_what_the_heap_is_too_short_for_waits_and_comes_in_its_order(
    tmp_path: Path, storage: str
) -> None:
    flash = Flash(storage, tmp_path / "outbox")
    outbox = flash.opened(sync_batches=3, sync_age_ms=1_000)
    short_of_heap(flash, outbox, 2)
    for sequence in range(3):
        outbox.push("climate", 10, payload_of(sequence, 50))
    assert (outbox.accepted, outbox.dropped, len(outbox)) == (0, 0, 3)
    assert outbox.next_after(-1) is None  # nothing is sent before it is durable
    flash.now_ms = 1_000
    outbox.sync_if_old()
    assert outbox.accepted == 0
    outbox.push("climate", 10, payload_of(outbox.next_sequence, 50))
    assert (outbox.accepted, outbox.dropped, flash.warnings) == (40, 0, [])
    again = flash.opened()
    assert (len(again), again.next_sequence) == (4, 4)
    for sequence in range(4):
        entry = again.next_after(sequence - 1)
        assert entry == Entry(sequence, 10, 50, "climate")
        found = bytearray(50)
        again.read_into(entry, memoryview(found))
        assert found == payload_of(sequence, 50)


@pytest.mark.parametrize("storage", ["segments", "ring"])
def test_of_what_a_short_heap_lets_wait_there_is_a_chunk_and_the_rest_is_counted(
    tmp_path: Path, storage: str
) -> None:
    flash = Flash(storage, tmp_path / "outbox")
    outbox = flash.opened(sync_batches=2)
    short_of_heap(flash, outbox, 1_000)
    for sequence in range(20):
        outbox.push("climate", 10, payload_of(sequence, 1_000))
    assert len(outbox) <= BLOCK // 1_000
    assert outbox.dropped == 10 * (20 - len(outbox))
    assert (outbox.accepted, outbox.next_sequence) == (0, 20)
    assert flash.warnings[0].endswith("batches dropped: out of memory")
