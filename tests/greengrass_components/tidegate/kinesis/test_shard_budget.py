"""A shard's budget against what a shard would have taken."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.kinesis.shard_budget import ShardBudget, ShardRate

RATE = ShardRate(records_per_s=100, bytes_per_s=10_000)
moves = st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 30_000)), max_size=300)


@given(moves)
def test_it_never_lets_more_through_than_the_rate_and_a_seconds_worth(
    steps: list[tuple[float, int]],
) -> None:
    budget, now_s, records, size, largest = ShardBudget(RATE, 0.0), 0.0, 0, 0, 0
    for pause_s, record_bytes in steps:
        now_s += pause_s
        wait_s = budget.wait_s(now_s)
        taken = budget.take(record_bytes, now_s)
        assert taken == (wait_s == 0)
        if taken:
            records, size, largest = records + 1, size + record_bytes, max(largest, record_bytes)
        assert records <= RATE.records_per_s * (1 + now_s) + 1e-6
        assert size <= RATE.bytes_per_s * (1 + now_s) + largest + 1e-6


@given(moves)
def test_after_the_wait_it_says_a_record_may_go(steps: list[tuple[float, int]]) -> None:
    budget, now_s = ShardBudget(RATE, 0.0), 0.0
    for pause_s, record_bytes in steps:
        now_s += pause_s
        now_s += budget.wait_s(now_s) + 1e-6
        assert budget.take(record_bytes, now_s)
