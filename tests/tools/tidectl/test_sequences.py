"""Gaps and repeats are found in any order of faults, and nothing is found where none are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidectl.ledger import Entry
from tidectl.sequences import Gap, faults

SAMPLES = 10


def entry(
    boot: int | None, sequence: int | None, at_s: int, *, last_ms: int | None = None
) -> Entry:
    """Return a batch of the thing `board` that was received at `at_s`."""
    return Entry(
        thing="board",
        measurement="climate",
        boot=boot,
        sequence=sequence,
        time=f"2026-01-01T00:00:{at_s:012.6f}Z",
        samples=SAMPLES,
        samples_empty=0,
        values_not_finite=0,
        last_time_ms=at_s * 1_000 if last_ms is None else last_ms,
        received_at_ms=at_s * 1_000,
        stored_at_ms=at_s * 1_000,
    )


def life(count: int, *, from_s: int = 0, boots: int = 1) -> list[Entry]:
    """Return what a board sends from a fresh flash on, over so many boots."""
    return [entry(1 + at * boots // count, at, from_s + at) for at in range(count)]


def test_a_whole_sequence_over_reboots_has_no_faults() -> None:
    assert faults(life(20, boots=3)) == ([], [])


def test_no_entries_have_no_faults() -> None:
    assert faults([]) == ([], [])


def test_batches_without_a_sequence_prove_nothing() -> None:
    assert faults([entry(None, None, 1), entry(None, None, 2)]) == ([], [])


def test_a_hole_is_named_with_its_ends() -> None:
    entries = [one for one in life(10) if one.sequence not in (4, 5)]
    assert faults(entries) == ([Gap("board", 4, 5, 6_000)], [])


def test_what_is_missing_before_the_first_batch_is_lost_too() -> None:
    assert faults(life(10)[3:]) == ([Gap("board", 0, 2, 3_000)], [])


def test_from_a_given_time_on_the_first_batch_may_be_any() -> None:
    entries = [one for one in life(10)[3:] if one.sequence != 7]
    assert faults(entries, from_start=False) == ([Gap("board", 7, 7, 8_000)], [])


def test_a_batch_under_another_time_is_a_repeat() -> None:
    entries = [*life(10), entry(1, 6, 12)]
    gaps, repeats = faults(entries)
    assert gaps == []
    assert [(repeat.sequence, repeat.samples) for repeat in repeats] == [(6, SAMPLES)]


def test_the_first_batch_again_with_the_same_end_is_a_repeat() -> None:
    again = entry(1, 0, 12, last_ms=life(1)[0].last_time_ms)
    assert [repeat.sequence for repeat in faults([*life(10), again])[1]] == [0]


@pytest.mark.parametrize("boots", [1, 4])
def test_a_board_with_a_fresh_flash_begins_anew(boots: int) -> None:
    entries = [*life(10, boots=boots), *life(5, from_s=100)]
    assert faults(entries) == ([], [])


def test_a_fresh_flash_whose_first_batches_are_lost_is_noticed() -> None:
    entries = [*life(10, boots=4), *life(5, from_s=100)[2:]]
    assert faults(entries) == ([Gap("board", 0, 1, 102_000)], [])


def test_a_resend_that_comes_out_of_order_is_no_fault() -> None:
    entries = life(10)
    entries[4] = entry(1, 4, 8)
    assert faults(entries) == ([], [])


@given(
    lives=st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 4), st.sets(st.integers(1, 29))),
        min_size=1,
        max_size=4,
    )
)
def test_exactly_the_batches_taken_away_are_missing(
    lives: list[tuple[int, int, set[int]]],
) -> None:
    entries: list[Entry] = []
    missing = 0
    for number, (count, boots, taken) in enumerate(lives):
        sent = life(count, from_s=1_000 * number, boots=boots)
        last_kept = max(at for at in range(count) if at not in taken)
        entries += [one for one in sent if one.sequence not in taken]
        missing += len([at for at in taken if at < last_kept])
    gaps, repeats = faults(entries)
    assert sum(gap.batches for gap in gaps) == missing
    assert repeats == []
