"""An outbox in files: what their names say, what a cut leaves of them, what they cost."""

import errno
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def flash(folder: Path) -> Flash:
    return Flash("segments", folder)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def queued(outbox: Outbox) -> list[int]:
    found, after = [], -1
    while entry := outbox.next_after(after):
        after = entry.sequence
        found.append(after)
    return found


def test_a_batch_that_is_synced_at_once_has_a_file_of_its_own(flash: Flash, folder: Path) -> None:
    outbox = flash.opened()
    outbox.push("climate", 60, b"first")
    outbox.push("climate", 59, b"second")
    assert names(folder) == {"0.1.60.19", "1.1.59.20"}


def test_batches_that_were_gathered_share_a_file(flash: Flash, folder: Path) -> None:
    outbox = flash.opened(sync_batches=3, sync_age_ms=1_000)
    for payload in (b"a", b"b"):
        outbox.push("climate", 10, payload)
    assert names(folder) == set()
    assert (outbox.accepted, len(outbox), outbox.next_after(-1)) == (0, 2, None)
    outbox.push("health", 1, b"c")
    assert names(folder) == {"0.3.21.34"}
    assert (outbox.accepted, len(outbox), queued(outbox)) == (21, 3, [0, 1, 2])


def test_batches_that_fill_a_block_do_not_wait_for_more(flash: Flash, folder: Path) -> None:
    outbox = flash.opened(sync_batches=64, sync_age_ms=1_000)
    for _ in range(61):
        outbox.push("climate", 1, bytes(64))
    (name,) = names(folder)
    first, batches, samples, size_bytes = map(int, name.split("."))
    assert (first, batches, samples) == (0, 60, 60)
    assert 4_096 - 68 < size_bytes <= 4_096
    assert outbox.accepted == 60


def test_erases_are_the_blocks_that_the_files_of_this_start_have_filled(flash: Flash) -> None:
    flash.opened().push("climate", 1, b"before")
    outbox = flash.opened()
    assert outbox.erases == 0
    for size_bytes in (1, 64, 4_096):  # the last does not fit into a block with its head
        outbox.push("climate", 1, bytes(size_bytes))
    assert outbox.erases == 1 + 1 + 2


def test_a_file_goes_with_the_last_of_its_batches(flash: Flash, folder: Path) -> None:
    outbox = flash.opened(sync_batches=2)
    for _ in range(4):
        outbox.push("climate", 1, b"x")
    second, first, third = (outbox.next_after(after) for after in (0, -1, 1))
    assert second
    assert first
    assert third
    outbox.acknowledge(second)
    assert names(folder) == {"0.2.2.20", "2.2.2.20"}
    assert queued(flash.opened()) == [0, 1, 2, 3]  # again, which has the effect of once
    outbox.acknowledge(first)
    assert names(folder) == {"2.2.2.20"}
    outbox.acknowledge(third)
    assert queued(outbox) == [3]


def test_what_is_acknowledged_in_order_does_not_come_again(flash: Flash, folder: Path) -> None:
    outbox = flash.opened()
    for _ in range(3):
        outbox.push("climate", 1, b"x")
    for left in ([1, 2], [2], []):
        entry = outbox.next_after(-1)
        assert entry
        outbox.acknowledge(entry)
        assert queued(flash.opened()) == left
    assert names(folder) == {"2.sent"}
    assert flash.opened().next_sequence == 3


def test_a_batch_that_was_lost_is_a_hole_between_files(flash: Flash, folder: Path) -> None:
    outbox = flash.opened(sync_batches=8)
    outbox.push("climate", 1, b"x")
    outbox.lose(7)
    outbox.push("climate", 1, b"x")
    outbox.sync()
    assert names(folder) == {"0.1.1.15", "2.1.1.15", "7.1.dropped"}
    assert (queued(outbox), outbox.dropped) == ([0, 2], 7)
    for entry in (outbox.next_after(-1), outbox.next_after(0)):
        assert entry
        outbox.acknowledge(entry)
    assert len(outbox) == 0
    assert names(folder) == {"2.sent", "7.1.dropped"}


def test_a_damaged_batch_made_the_sequence_go_back_below_a_lost_one(
    flash: Flash, folder: Path
) -> None:
    outbox = flash.opened()
    outbox.push("climate", 1, b"first")
    outbox.push("climate", 1, b"second")
    outbox.lose(samples=1)
    first, second = outbox.next_after(-1), outbox.next_after(0)
    assert first
    assert second
    outbox.acknowledge(second)
    (folder / "0.1.1.19").unlink()
    with pytest.raises(OutboxError):
        outbox.read_into(first, memoryview(bytearray(5)))
    assert flash.opened().next_sequence == 3  # 1 is in the store: it must not come twice


def test_recovery_needs_names_only(flash: Flash, folder: Path) -> None:
    folder.mkdir()
    for name in ("3.4.240.1300", "20.1.5.100", "7.1.9.80", "2.sent", "90.6.dropped"):
        (folder / name).touch()
    outbox = flash.opened()
    assert (len(outbox), outbox.next_sequence, outbox.dropped) == (6, 21, 90)


@pytest.mark.parametrize("left_bytes", [0, 3, 12, 13, 40])
def test_a_file_that_was_cut_short_costs_what_is_missing_and_that_is_counted(
    flash: Flash, folder: Path, left_bytes: int
) -> None:
    outbox = flash.opened(sync_batches=3)
    for samples in (10, 20, 30):
        outbox.push("climate", samples, bytes(10))
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:left_bytes])
    found, after = [], -1
    while entry := outbox.next_after(after):
        after = entry.sequence
        payload = bytearray(entry.size_bytes)
        try:
            outbox.read_into(entry, memoryview(payload))
            found.append(entry)
        except OutboxError:
            continue
    assert found == [Entry(0, 10, 10, "climate")] * (left_bytes > 24)
    assert outbox.dropped == 60 - 10 * len(found)
    assert len(outbox) == len(found)
    assert flash.opened().next_sequence == 3


def test_files_of_others_are_left_alone(flash: Flash, folder: Path) -> None:
    folder.mkdir()
    strangers = {"4.boots", "notes", "a.b.c.d", "1.2.climate", "-1.sent", "1.2.3.4.5", ".sent"}
    for name in strangers:
        (folder / name).touch()
    outbox = flash.opened()
    assert (len(outbox), outbox.next_sequence, outbox.dropped) == (0, 0, 0)
    assert names(folder) == strangers


def test_cuts_between_two_names_of_a_counter_leave_the_higher(flash: Flash, folder: Path) -> None:
    folder.mkdir()
    for name in ("4.sent", "11.sent", "9.sent", "70.8.dropped", "7.9.dropped", "100.8.dropped"):
        (folder / name).touch()
    outbox = flash.opened()
    assert (outbox.next_sequence, outbox.dropped) == (12, 100)
    assert len(names(folder)) == 2
    assert flash.opened().next_sequence == 12


def test_a_cut_while_writing_leaves_nothing(flash: Flash, folder: Path) -> None:
    outbox = flash.opened()
    outbox.push("climate", 1, b"x")
    (folder / "new").write_bytes(b"half a ba")
    assert queued(flash.opened()) == [0]
    assert names(folder) == {"0.1.1.15"}


def test_batches_that_can_not_be_written_are_counted_and_the_next_ones_are_kept(
    flash: Flash, folder: Path
) -> None:
    outbox = flash.opened(sync_batches=2)
    (folder / "new" / "in the way").mkdir(parents=True)
    for _ in range(2):
        outbox.push("climate", 60, b"payload")
    assert flash.warnings == [f"2 batches dropped: flash error {errno.EISDIR}"]
    assert (len(outbox), outbox.accepted, outbox.dropped, outbox.next_sequence) == (0, 0, 120, 2)
    (folder / "new" / "in the way").rmdir()
    (folder / "new").rmdir()
    for _ in range(2):
        outbox.push("climate", 60, b"payload")
    again = flash.opened()
    assert (queued(again), again.dropped, again.next_sequence) == ([2, 3], 120, 4)
