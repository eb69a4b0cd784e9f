"""The outbox does as a simple model does, over restarts, damage and a flash that fails."""

import errno
import os
import tempfile
from pathlib import Path

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
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox

CUTS = Path(__file__).with_name("outbox_cuts_run.py")
CUTS_HEAP_BYTES = 16 << 20  # two flashes in RAM: it is the harness that needs it
BLOCK = 4_096
BLOCKS_MAX = 4


def occupied(entry: Entry) -> int:
    return max(1, -(-entry.size_bytes // BLOCK))


def payload_of(sequence: int, size_bytes: int) -> bytes:
    return (b"%d," % sequence * size_bytes)[:size_bytes]


class OutboxAgainstModel(RuleBasedStateMachine):
    """The model is a list of entries and two counters."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.entries: list[Entry] = []
        self.dropped = self.next_sequence = self.pushes = 0
        self.open()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def open(self) -> None:
        self.outbox = Outbox(folder=self.folder.name, bytes_max=BLOCKS_MAX * BLOCK)
        self.heard = 0
        self.outbox.pushed = self.hear

    def hear(self) -> None:
        self.heard += 1

    def drop(self, entry: Entry) -> None:
        self.dropped += entry.samples

    @rule(
        size_bytes=st.sampled_from([1, 100, BLOCK, BLOCK + 1, BLOCK * BLOCKS_MAX]),
        samples=st.integers(1, 600),
        measurement=st.sampled_from(["climate", "new", "sent", "dropped", "boots"]),
    )
    def push(self, size_bytes: int, samples: int, measurement: str) -> None:
        wanted = Entry(self.next_sequence, samples, size_bytes, measurement)
        heard = self.heard
        entry = self.outbox.push(measurement, samples, payload_of(wanted.sequence, size_bytes))
        assert entry == wanted
        assert self.heard == heard + 1
        self.next_sequence += 1
        self.entries.append(wanted)
        while sum(map(occupied, self.entries)) > BLOCKS_MAX:
            self.drop(self.entries.pop(0))

    @rule(samples=st.integers(1, 600))
    def push_too_much(self, samples: int) -> None:
        with pytest.raises(OutboxError, match=f"outbox of {BLOCK * BLOCKS_MAX}"):
            self.outbox.push("climate", samples, bytes(BLOCKS_MAX * BLOCK + 1))
        self.next_sequence += 1
        self.dropped += samples

    @rule(samples=st.integers(1, 600))
    def lose(self, samples: int) -> None:
        self.outbox.lose(samples)
        self.next_sequence += 1
        self.dropped += samples

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        entry = self.entries.pop(data.draw(st.integers(0, len(self.entries) - 1)))
        assert self.outbox.acknowledge(entry)
        assert not self.outbox.acknowledge(entry)

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), left_bytes=st.integers(-1, 2))
    def damage(self, data: st.DataObject, left_bytes: int) -> None:
        entry = self.entries.pop(data.draw(st.integers(0, len(self.entries) - 1)))
        path = Path(self.folder.name, "{}.{}.{}.{}".format(*entry))
        if left_bytes < 0 or left_bytes >= entry.size_bytes:
            path.unlink()
        else:
            os.truncate(path, left_bytes)
        with pytest.raises(OutboxError, match=f"sequence {entry.sequence} is damaged"):
            self.outbox.read_into(entry, memoryview(bytearray(entry.size_bytes)))
        assert not self.outbox.holds(entry)
        self.drop(entry)

    @rule()
    def restart(self) -> None:
        self.open()

    @rule()
    def restart_after_a_cut_while_writing(self) -> None:
        Path(self.folder.name, "new").write_bytes(b"half a ba")
        self.open()
        assert not Path(self.folder.name, "new").exists()

    @invariant()
    def is_the_model(self) -> None:
        outbox = self.outbox
        assert len(outbox) == len(self.entries)
        assert outbox.dropped == self.dropped
        assert outbox.next_sequence == self.next_sequence
        assert outbox.queued_bytes == sum(map(occupied, self.entries)) * BLOCK
        assert outbox.queued_bytes <= BLOCKS_MAX * BLOCK
        found, after = [], -1
        while entry := outbox.next_after(after):
            found.append(entry)
            after = entry.sequence
            assert outbox.holds(entry)
            read = bytearray(entry.size_bytes)
            outbox.read_into(entry, memoryview(read))
            assert read == payload_of(entry.sequence, entry.size_bytes)
        assert found == self.entries
        # Names are all there is: of counters one each, so that the folder stays small.
        assert len(os.listdir(self.folder.name)) <= len(self.entries) + 2


OutboxAgainstModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
TestOutboxAgainstModel = OutboxAgainstModel.TestCase


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def opened(folder: Path) -> Outbox:
    return Outbox(folder=str(folder), bytes_max=BLOCKS_MAX * BLOCK)


def test_a_damaged_batch_made_the_sequence_go_back_below_a_lost_one(folder: Path) -> None:
    outbox = opened(folder)
    first = outbox.push("climate", 1, b"first")
    second = outbox.push("climate", 1, b"second")
    outbox.lose(samples=1)
    outbox.acknowledge(second)
    (folder / "0.1.5.climate").unlink()
    with pytest.raises(OutboxError):
        outbox.read_into(first, memoryview(bytearray(5)))
    assert opened(folder).next_sequence == 3  # 1 is in the store: it must not come twice


def test_recovery_needs_names_only(folder: Path) -> None:
    folder.mkdir()
    for name in ("3.60.300.climate", "20.5.100.health", "7.1.9.sent", "2.sent", "90.6.dropped"):
        (folder / name).touch()
    outbox = opened(folder)
    assert [outbox.next_after(-1), outbox.next_after(3), outbox.next_after(7)] == [
        Entry(3, 60, 300, "climate"),
        Entry(7, 1, 9, "sent"),  # a measurement may be called so
        Entry(20, 5, 100, "health"),
    ]
    assert (outbox.next_sequence, outbox.dropped) == (21, 90)


def test_files_of_others_are_left_alone(folder: Path) -> None:
    folder.mkdir()
    strangers = {
        "4.boots",
        "notes",
        "a.b.c.d",
        "1.2.climate",
        "-1.sent",
        "1.2.3.4.climate",
        ".sent",
    }
    for name in strangers:
        (folder / name).touch()
    outbox = opened(folder)
    assert (len(outbox), outbox.next_sequence, outbox.dropped) == (0, 0, 0)
    assert set(os.listdir(folder)) == strangers


def test_cuts_between_two_names_of_a_counter_leave_the_higher(folder: Path) -> None:
    folder.mkdir()
    for name in ("4.sent", "11.sent", "9.sent", "70.8.dropped", "7.9.dropped", "100.8.dropped"):
        (folder / name).touch()
    outbox = opened(folder)
    assert (outbox.next_sequence, outbox.dropped) == (12, 100)
    assert len(os.listdir(folder)) == 2
    assert opened(folder).next_sequence == 12


def test_a_batch_that_can_not_be_written_is_counted_and_the_next_one_is_kept(folder: Path) -> None:
    outbox = opened(folder)
    (folder / "new" / "in the way").mkdir(parents=True)
    with pytest.raises(OutboxError, match=f"flash error {errno.EISDIR}"):
        outbox.push("climate", 60, b"payload")
    assert (len(outbox), outbox.dropped, outbox.next_sequence) == (0, 60, 1)
    (folder / "new" / "in the way").rmdir()
    (folder / "new").rmdir()
    assert outbox.push("climate", 60, b"payload").sequence == 1
    again = opened(folder)
    assert (len(again), again.dropped, again.next_sequence) == (1, 60, 2)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_power_cut_at_any_operation_of_the_flash_costs_nothing_durable(seed: int) -> None:
    result = vm.run(CUTS, str(seed), "outbox", heap_bytes=CUTS_HEAP_BYTES)
    assert result["failures"] == 0, f"seed {seed}: {result['first']}"
    assert result["operations"] >= 400
    assert result["cuts"] == 2 * result["operations"]
    assert result["dropped"] > 0
    assert result["boots"] > 1


def test_the_power_cuts_find_an_outbox_that_promises_before_it_is_durable() -> None:
    result = vm.run(CUTS, "1", "hasty", heap_bytes=CUTS_HEAP_BYTES)
    assert result["failures"] >= 100
