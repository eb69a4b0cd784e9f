"""The plan: complete, within every limit, and never dearer than what others do."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.modbus.address import Table
from tidegate.modbus.planner import Block, Limits, Span, plan_blocks, split

H = Table.HOLDING
firsts = st.integers(0, 400)
spans = st.lists(
    st.builds(lambda first, more: Span(H, first, first + more), firsts, st.integers(0, 3)),
    min_size=1,
    max_size=40,
)
forbidden = st.lists(
    st.builds(lambda first, more: (H, first, first + more), firsts, st.integers(0, 9)),
    max_size=4,
)


@given(spans=spans, forbidden=forbidden, most=st.integers(4, 125), gap=st.integers(0, 125))
def test_every_span_that_may_be_read_is_in_a_block_and_no_limit_is_broken(
    spans: list[Span], forbidden: list[tuple[Table, int, int]], most: int, gap: int
) -> None:
    limits = Limits(registers_max=most, gap_max=gap, forbidden=tuple(forbidden))
    blocks = plan_blocks(spans, limits)
    read = {span for block in blocks for span in block.spans}
    assert read == {span for span in spans if limits.allows(H, span.first, span.last)}
    for block in blocks:
        assert block.count <= most
        last = block.first + block.count - 1
        assert limits.allows(H, block.first, last)
        assert all(block.first <= span.first and span.last <= last for span in block.spans)


@given(
    numbers=st.sets(st.integers(0, 60), min_size=1, max_size=9),
    most=st.integers(2, 30),
    gap=st.integers(0, 30),
)
def test_no_other_way_to_cut_is_cheaper(numbers: set[int], most: int, gap: int) -> None:
    ordered = sorted(numbers)
    blocks = plan_blocks([Span(H, n, n) for n in ordered], Limits(registers_max=most, gap_max=gap))

    def cost(counts: list[int]) -> int:
        return len(counts) * gap + sum(counts)

    best = min(
        cost(counts)
        for cuts in itertools.product((False, True), repeat=len(ordered) - 1)
        if max(counts := _counts(ordered, cuts)) <= most
    )
    assert cost([block.count for block in blocks]) == best


def _counts(ordered: list[int], cuts: tuple[bool, ...]) -> list[int]:
    starts = [ordered[0], *(n for n, cut in zip(ordered[1:], cuts, strict=True) if cut)]
    ends = [*(n for n, cut in zip(ordered, cuts, strict=False) if cut), ordered[-1]]
    return [end - start + 1 for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("seed", range(50))
def test_requests_are_never_more_than_telegrafs_max_insert_makes(seed: int) -> None:
    dice = random.Random(seed)
    numbers = sorted(dice.sample(range(2_000), dice.randint(20, 400)))
    blocks = plan_blocks([Span(H, n, n) for n in numbers], Limits())
    assert len(blocks) <= _max_insert(numbers, 125)


def _max_insert(numbers: list[int], most: int) -> int:
    """Count the requests of Telegraf's `max_insert`: fill holes up to the size of a request."""
    count, start = 1, numbers[0]
    for number in numbers:
        if number - start >= most:
            count, start = count + 1, number
    return count


def test_a_slow_line_reads_a_small_hole_and_not_a_large_one() -> None:
    near, far = [Span(H, 0, 0), Span(H, 8, 8)], [Span(H, 0, 0), Span(H, 30, 30)]
    assert len(plan_blocks(near, Limits(gap_max=10))) == 1
    assert len(plan_blocks(far, Limits(gap_max=10))) == 2


def test_two_thousand_coils_are_one_request() -> None:
    coils = [Span(Table.COIL, number, number) for number in range(0, 2_000, 7)]
    assert [block.count for block in plan_blocks(coils, Limits())] == [1_996]


def test_a_block_is_halved_at_its_largest_hole_else_in_the_middle() -> None:
    wide = tuple(Span(H, n, n) for n in (0, 1, 2, 9))
    halves = split(Block(H, 0, 10, wide))
    assert halves is not None
    assert [half.count for half in halves] == [3, 1]
    dense = tuple(Span(H, n, n) for n in range(10))
    halves = split(Block(H, 0, 10, dense))
    assert halves is not None
    assert [half.count for half in halves] == [5, 5]
    assert split(Block(H, 0, 1, dense[:1])) is None
