"""Deadlines: on their grid for ever, spread, missed ones counted."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tidegate.breaker import Breaker
from tidegate.schedule import Schedule, phases


def test_groups_of_one_period_are_spread_over_it() -> None:
    assert phases([1.0, 1.0, 5.0, 1.0, 1.0]) == [0.0, 0.25, 0.0, 0.5, 0.75]


def test_a_late_reading_does_not_move_the_deadlines_behind_it() -> None:
    schedule = Schedule([1.0], 100.0)
    assert schedule.next() == (100.0, 0)
    assert schedule.done(100.9) == 0
    assert schedule.next() == (101.0, 0)
    assert schedule.done(102.5) == 0  # half a period late: the next one is due at once
    assert schedule.next() == (102.0, 0)


def test_a_group_that_is_whole_periods_late_skips_and_counts_them() -> None:
    schedule = Schedule([1.0], 0.0)
    assert schedule.done(5.2) == 4
    assert schedule.next() == (5.0, 0)
    assert schedule.overruns == [4]


def test_putting_off_skips_deadlines_without_counting_them() -> None:
    schedule = Schedule([1.0], 0.0)
    schedule.put_off(7.3)
    assert schedule.next() == (8.0, 0)
    schedule.put_off(0.0)
    assert schedule.next() == (9.0, 0)
    assert schedule.overruns == [0]


def test_a_stretched_period_is_longer_once() -> None:
    schedule = Schedule([1.0], 0.0)
    schedule.done(0.0, stretch=4.0)
    assert schedule.next() == (4.0, 0)
    schedule.done(4.0)
    assert schedule.next() == (5.0, 0)


@given(
    periods=st.lists(st.sampled_from([0.1, 0.25, 1.0, 5.0]), min_size=1, max_size=8),
    costs=st.lists(st.floats(0.0, 0.4), min_size=50, max_size=50),
)
def test_no_deadline_is_both_read_and_missed_and_none_is_forgotten(
    periods: list[float], costs: list[float]
) -> None:
    schedule = Schedule(periods, 0.0)
    now_s, reads = 0.0, [0] * len(periods)
    for cost_s in costs:
        due_s, place = schedule.next()
        now_s = max(now_s, due_s) + cost_s
        reads[place] += 1
        schedule.done(now_s)
    starts = phases(periods)
    due = {place: due_s for due_s, place in schedule._heap}
    for place, period_s in enumerate(periods):
        passed = round((due[place] - starts[place]) / period_s)
        assert passed == reads[place] + schedule.overruns[place]


def test_a_breaker_doubles_its_wait_to_a_bound_and_closes_at_one_answer() -> None:
    breaker = Breaker(random.Random(7), min_s=1.0, max_s=60.0)
    assert breaker.may_try(0.0)
    assert breaker.fail(0.0)  # it had answered before
    waits = []
    for _ in range(10):
        now_s = breaker.retry_at_s
        assert breaker.may_try(now_s)
        assert not breaker.may_try(now_s - 0.01)
        assert not breaker.fail(now_s)
        waits.append(breaker.retry_at_s - now_s)
    assert all(wait <= min(60.0, 2.0 ** (n + 1)) for n, wait in enumerate(waits))
    assert all(wait >= min(60.0, 2.0 ** (n + 1)) / 2 for n, wait in enumerate(waits))
    assert breaker.succeed()
    assert breaker.may_try(float("-inf"))
    assert not breaker.succeed()
