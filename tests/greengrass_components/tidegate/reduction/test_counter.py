"""A counter's total against one that nobody rolled over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import GateError
from tidegate.reduction import Counter, CounterState


@given(st.integers(2, 1 << 32), st.data())
def test_a_total_goes_on_over_every_rollover(modulus: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, modulus - 1))
    steps = data.draw(st.lists(st.integers(0, (modulus - 1) // 2), max_size=50))
    counter, truth = Counter(modulus), start
    assert counter.total(start) == start
    for step in steps:
        truth += step
        assert counter.total(truth % modulus) == truth
    assert counter.restarts == 0
    assert counter.rollovers == truth // modulus


def test_a_device_that_begins_again_counts_from_zero() -> None:
    counter = Counter(65_536)
    assert [counter.total(raw) for raw in (9_000, 9_010, 3, 5)] == [9_000, 9_010, 9_013, 9_015]
    assert (counter.restarts, counter.rollovers) == (1, 0)


def test_a_total_goes_on_over_a_restart_of_the_gateway() -> None:
    before = Counter(65_536)
    before.total(65_000)
    assert before.state == CounterState(65_000, 65_000)
    after = Counter(65_536, before.state)
    assert after.total(100) == 65_636


@pytest.mark.parametrize("raw", [-1, 256])
def test_a_reading_outside_the_range_is_refused(raw: int) -> None:
    with pytest.raises(GateError, match="0 to 255"):
        Counter(256).total(raw)
