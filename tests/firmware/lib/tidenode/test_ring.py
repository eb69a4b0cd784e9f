"""An outbox on a partition: what wears, what damage costs, where a restart goes on."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.ram_flash import RamFlash
from tests.firmware.lib.tidenode.storages import BLOCK, Flash
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox
from tidenode.ring import HEAD_BYTES, NOTE_BYTES, NOTES, Ring

PER_BLOCK = 59  # records of 64 bytes


@pytest.fixture
def flash(tmp_path: Path) -> Flash:
    return Flash("ring", tmp_path, blocks=7)


def filled(outbox: Outbox, count: int, samples: int = 1) -> None:
    for _ in range(count):
        sequence = outbox.next_sequence
        outbox.push("climate", samples, b"%64d" % sequence)


def acknowledged(outbox: Outbox, count: int) -> None:
    for _ in range(count):
        entry = outbox.next_after(-1)
        assert entry
        outbox.acknowledge(entry)


def drained(outbox: Outbox) -> list[int]:
    """Return the sequences that can be read, in order; all are acknowledged."""
    found = []
    while entry := outbox.next_after(-1):
        payload = bytearray(entry.size_bytes)
        try:
            outbox.read_into(entry, memoryview(payload))
        except OutboxError:
            continue
        assert payload == b"%64d" % entry.sequence
        found.append(entry.sequence)
        outbox.acknowledge(entry)
    return found


def test_a_record_of_a_steady_source_costs_four_bytes_more_than_its_batch(flash: Flash) -> None:
    filled(flash.opened(), 3)
    end = HEAD_BYTES + 3 * (64 + 4) + 3 + len("climate")
    assert flash.cells[end - 1] != 0xFF
    assert flash.cells[end:BLOCK] == b"\xff" * (BLOCK - end)


def test_all_blocks_wear_alike(flash: Flash) -> None:
    outbox = flash.opened()
    flash.device.journal = []
    filled(outbox, 40 * 8 * PER_BLOCK)
    erases = [0] * 8
    for at, data in flash.device.journal:
        if data is None:
            erases[at // BLOCK] += 1
    assert set(erases) == {40}


def test_starts_without_batches_wear_nothing(flash: Flash) -> None:
    filled(flash.opened(), 100)
    flash.device.journal = []
    for _ in range(50):
        flash.opened()
    assert flash.device.journal == []


def test_what_others_left_on_the_partition_is_erased_before_it_is_used(flash: Flash) -> None:
    flash.cells[:] = bytes(range(256)) * (len(flash.cells) // 256)
    outbox = flash.opened()
    filled(outbox, 9 * PER_BLOCK)
    assert drained(outbox)[-1] == 9 * PER_BLOCK - 1


def test_a_restart_goes_on_where_the_last_block_was_begun(flash: Flash) -> None:
    outbox = flash.opened()
    filled(outbox, 100)
    drained(outbox)
    assert len(outbox) == 0
    again = flash.opened()
    assert (len(again), again.next_sequence) == (100, 100)  # no block began since
    filled(again, PER_BLOCK)
    drained(again)
    filled(again, PER_BLOCK)
    assert drained(flash.opened())[0] == 100 + PER_BLOCK


def test_what_was_acknowledged_before_an_orderly_end_does_not_come_again(flash: Flash) -> None:
    outbox = flash.opened()
    filled(outbox, 100)
    acknowledged(outbox, 70)
    before = list(flash.device.erases)
    outbox.settle()
    again = flash.opened()
    assert (len(again), again.next_sequence, again.dropped) == (30, 100, 0)
    filled(again, 5)  # into the same block, behind which the note stands
    assert drained(again) == list(range(70, 105))
    again.settle()
    assert len(flash.opened()) == 0
    assert flash.device.erases == before


def test_an_end_without_news_wears_nothing(flash: Flash) -> None:
    outbox = flash.opened()
    outbox.settle()
    filled(outbox, 100)
    outbox.settle()  # nothing was acknowledged
    drained(outbox)
    outbox.settle()
    before = bytes(flash.cells)
    outbox.settle()
    for _ in range(20):
        again = flash.opened()
        assert len(again) == 0
        again.settle()
    assert flash.cells == before


def test_ends_without_a_batch_between_are_noted_until_the_ring_is_full_and_lose_none(
    flash: Flash,
) -> None:
    """Each start sends one of what waits; when a block has all its notes another is begun."""
    filled(flash.opened(), PER_BLOCK)
    noted = 7 * NOTES + 6  # a head is one more
    for sent in range(noted + 3):
        outbox = flash.opened()
        assert outbox.next_after(-1) == Entry(min(sent, noted), 1, 64, "climate")
        acknowledged(outbox, 1)
        outbox.settle()
        assert outbox.dropped == 0
    assert sum(flash.device.erases) == 7
    assert drained(outbox) == list(range(noted + 1, PER_BLOCK))
    outbox.settle()  # the oldest block may go, and with it all that stood in the way
    again = flash.opened()
    assert (len(again), again.dropped, again.next_sequence) == (0, 0, PER_BLOCK)
    filled(again, 8 * PER_BLOCK)
    assert drained(again)[-1] == 9 * PER_BLOCK - 1


def test_an_end_of_a_full_ring_notes_what_was_acknowledged_of_its_oldest_block(
    flash: Flash,
) -> None:
    outbox = flash.opened()
    filled(outbox, 7 * PER_BLOCK)
    acknowledged(outbox, PER_BLOCK - 1)
    before = list(flash.device.erases)
    outbox.settle()
    again = flash.opened()
    assert (len(again), again.dropped) == (6 * PER_BLOCK + 1, 0)
    assert drained(again) == list(range(PER_BLOCK - 1, 7 * PER_BLOCK))
    again.settle()
    assert len(flash.opened()) == 0
    assert flash.device.erases == before


@pytest.mark.parametrize("torn_bytes", [0, 3, 4, 7])
def test_a_note_that_a_cut_has_torn_is_none_and_the_next_one_counts(
    flash: Flash, torn_bytes: int
) -> None:
    outbox = flash.opened()
    filled(outbox, 9)
    acknowledged(outbox, 5)
    end = bytes(flash.cells)
    outbox.settle()
    at = BLOCK - NOTES * NOTE_BYTES + torn_bytes
    flash.cells[at:] = end[at:]
    again = flash.opened()
    assert len(again) == 9
    acknowledged(again, 3)
    again.settle()
    assert drained(flash.opened()) == list(range(3, 9))


def test_damage_to_what_was_acknowledged_makes_no_sequence_come_twice(flash: Flash) -> None:
    outbox = flash.opened()
    filled(outbox, 9)
    drained(outbox)
    outbox.settle()
    flash.damage(b"%64d" % 8)
    again = flash.opened()
    assert (len(again), again.next_sequence) == (0, 9)
    filled(again, 5)
    assert drained(again) == list(range(9, 14))


def test_a_flash_that_fails_at_the_end_costs_nothing(flash: Flash) -> None:
    outbox = flash.opened()
    filled(outbox, 5)
    drained(outbox)
    flash.device.writeblocks = failing  # type: ignore[method-assign]  # a flash that fails for good
    outbox.settle()
    del flash.device.writeblocks
    assert drained(flash.opened()) == list(range(5))


def test_a_full_ring_drops_its_oldest_block_and_counts_what_was_not_acknowledged(
    flash: Flash,
) -> None:
    outbox = flash.opened()
    filled(outbox, 7 * PER_BLOCK, samples=10)
    for _ in range(9):
        entry = outbox.next_after(-1)
        assert entry
        outbox.acknowledge(entry)
    assert outbox.dropped == 0
    filled(outbox, 1)
    assert outbox.dropped == 10 * (PER_BLOCK - 9)
    assert flash.opened().dropped == outbox.dropped
    assert drained(outbox) == list(range(PER_BLOCK, 7 * PER_BLOCK + 1))


@pytest.mark.parametrize("at", [0, 5, 19])
def test_a_damaged_head_of_a_block_costs_that_block_and_is_counted(flash: Flash, at: int) -> None:
    filled(flash.opened(), 3 * PER_BLOCK, samples=10)
    flash.cells[BLOCK + at] ^= 4
    outbox = flash.opened()
    found = drained(outbox)
    assert found == [*range(PER_BLOCK), *range(2 * PER_BLOCK, 3 * PER_BLOCK)]
    assert outbox.dropped == 10 * PER_BLOCK
    assert (len(outbox), outbox.next_sequence) == (0, 3 * PER_BLOCK)


def test_a_damaged_size_costs_the_rest_of_its_block_and_is_counted(flash: Flash) -> None:
    filled(flash.opened(), 2 * PER_BLOCK, samples=10)
    third = HEAD_BYTES + 2 * 68 + 3 + len("climate")
    flash.cells[third] ^= 64
    outbox = flash.opened()
    found = drained(outbox)
    assert found == [0, 1, *range(PER_BLOCK, 2 * PER_BLOCK)]
    assert outbox.dropped == 10 * (PER_BLOCK - 2)
    assert outbox.next_sequence == 2 * PER_BLOCK


def test_a_size_that_can_not_be_is_told_nobody(flash: Flash) -> None:
    filled(flash.opened(), PER_BLOCK + 1)
    flash.cells[HEAD_BYTES + 1] |= 0x7F
    entry = flash.opened().next_after(-1)
    assert entry == Entry(PER_BLOCK, 1, 64, "climate")


def test_a_batch_that_was_lost_is_counted_over_restarts_and_keeps_its_sequence(
    flash: Flash,
) -> None:
    outbox = flash.opened()
    filled(outbox, 1)
    outbox.lose(7)
    filled(outbox, 1)
    again = flash.opened()
    assert (again.dropped, again.next_sequence, drained(again)) == (7, 3, [0, 2])
    filled(again, 3 * PER_BLOCK)
    assert flash.opened().dropped == 7


def test_a_flash_that_fails_costs_what_it_can_not_take_and_goes_on_in_the_next_block(
    flash: Flash,
) -> None:
    outbox = flash.opened()
    filled(outbox, 5)
    good, flash.device.writeblocks = flash.device.writeblocks, failing  # type: ignore[method-assign]  # a flash that fails for a while
    filled(outbox, 1, samples=3)
    assert flash.warnings == ["1 batches dropped: flash error 5"]
    assert (outbox.dropped, outbox.next_sequence) == (3, 6)
    flash.device.writeblocks = good  # type: ignore[method-assign]  # a flash that fails for a while
    filled(outbox, 2)
    again = flash.opened()
    assert (again.dropped, again.next_sequence) == (3, 8)
    assert drained(again) == [0, 1, 2, 3, 4, 6, 7]


def failing(*_: object) -> None:
    raise OSError(5, "worn out")


def test_a_batch_longer_than_a_block_is_refused_and_counted(flash: Flash) -> None:
    outbox = flash.opened()
    with pytest.raises(OutboxError, match="batch of 3958 bytes, outbox of 3957"):
        outbox.push("climate", 600, bytes(3_958))
    outbox.push("a" * 64, 1, bytes(3_957))
    assert (outbox.dropped, len(outbox)) == (600, 2)  # what was lost counts until it is passed
    assert outbox.next_after(-1) == Entry(1, 1, 3_957, "a" * 64)
    assert len(outbox) == 1


def test_a_partition_of_three_blocks_is_too_small() -> None:
    with pytest.raises(OutboxError, match="a ring of 3 blocks, 4 at least"):
        Ring(RamFlash(bytearray(3 * BLOCK)))


def test_erases_are_those_that_the_flash_had_since_the_start(flash: Flash) -> None:
    filled(flash.opened(), 3 * PER_BLOCK)
    before = sum(flash.device.erases)
    outbox = flash.opened()
    assert outbox.erases == 0
    filled(outbox, 9 * PER_BLOCK)
    assert outbox.erases == sum(flash.device.erases) - before > 8
