"""Percentiles are those of the nearest rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidectl.watch import percentile


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 99) is None


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1), (0.5, 1)])
def test_of_a_hundred_values_each_is_its_own_percentile(percent: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == value


@given(st.lists(st.integers(0, 10_000), min_size=1), st.floats(0.1, 100))
def test_so_many_percent_do_not_exceed_it(values: list[int], percent: float) -> None:
    limit = percentile(values, percent)
    assert limit in values
    assert sum(value <= limit for value in values) * 100 >= percent * len(values) * (1 - 1e-9)
    assert sum(value < limit for value in values) * 100 < percent * len(values) * (1 + 1e-9)
