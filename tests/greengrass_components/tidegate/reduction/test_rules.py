"""Report rules against the simple statement of what each promises, over series at random."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import GateError
from tidegate.reduction import Deadband, Interval, OnChange, Rule, SwingingDoor, Verdict

GOOD, BAD = 0, 2
numbers = st.floats(-1e6, 1e6) | st.integers(-1_000_000, 1_000_000)
steps_ns = st.integers(1, 10_000_000_000)
series = st.lists(st.tuples(steps_ns, numbers), min_size=1, max_size=60)
anything = st.none() | st.booleans() | st.text(max_size=3) | st.floats() | st.integers()
mixed = st.lists(st.tuples(steps_ns, anything, st.sampled_from([GOOD, BAD])), max_size=60)


def kept_by(rule: Rule, points: list[tuple[int, Any, int]]) -> list[int]:
    """Return the places of the points that are kept, each once and in order."""
    kept: list[int] = []
    for place, (at_ns, value, quality) in enumerate(points):
        verdict = rule.offer(at_ns, value, quality)
        if verdict & Verdict.BEFORE and place and place - 1 not in kept:
            kept.append(place - 1)
        if verdict & Verdict.THIS:
            kept.append(place)
    return kept


def timed(steps: list[tuple[Any, ...]]) -> list[tuple[int, Any, int]]:
    at_ns, points = 1_700_000_000_000_000_000, []
    for step_ns, value, *rest in steps:
        at_ns += step_ns
        points.append((at_ns, value, rest[0] if rest else GOOD))
    return points


@given(series, st.floats(0, 1e5))
def test_a_deadband_never_hides_more_than_its_width(steps: Any, width: float) -> None:
    points = timed(steps)
    kept = kept_by(Deadband(width), points)
    assert kept[0] == 0
    held = points[0][1]
    for place, (_, value, _) in enumerate(points):
        assert (abs(value - held) > width) == (place in kept and place > 0)
        held = value if place in kept else held


@given(series, st.floats(0, 1e5))
def test_a_swinging_door_rebuilds_every_value_within_its_tolerance(
    steps: Any, tolerance: float
) -> None:
    points = timed(steps)
    kept = sorted({*kept_by(SwingingDoor(tolerance), points), len(points) - 1})
    assert kept[0] == 0
    assert_lines_pass_within(points, kept, tolerance)


@given(series, st.floats(0, 1e5), st.integers(0, 20_000))
def test_a_swinging_door_that_must_not_be_silent_still_rebuilds_every_value(
    steps: Any, tolerance: float, max_ms: int
) -> None:
    points = timed(steps)
    kept = kept_by(Interval(SwingingDoor(tolerance), max_ms=max_ms), points)
    assert_lines_pass_within(points, sorted({*kept, len(points) - 1}), tolerance)


def assert_lines_pass_within(points: Any, kept: list[int], tolerance: float) -> None:
    for left, right in pairwise(kept):
        (at_left, low, _), (at_right, high, _) = points[left], points[right]
        for at_ns, value, _ in points[left : right + 1]:
            rebuilt = low + (high - low) * ((at_ns - at_left) / (at_right - at_left))
            assert abs(rebuilt - value) <= tolerance + 1e-9 * max(1.0, abs(value), tolerance)


def test_a_swinging_door_keeps_a_straight_line_as_its_two_ends() -> None:
    points = timed([(1_000_000_000, 20.0 + 0.5 * i) for i in range(100)])
    assert kept_by(SwingingDoor(0.1), points) == [0]
    corner = timed([(1_000_000_000, float(-abs(i - 50))) for i in range(100)])
    assert kept_by(SwingingDoor(0.1), corner) == [0, 50]


@given(mixed, st.floats(0, 10))
def test_every_rule_keeps_each_change_of_quality_and_of_kind(steps: Any, width: float) -> None:
    points = timed(steps)
    for rule in (Deadband(width), SwingingDoor(width), OnChange(), Interval(Deadband(width))):
        kept = kept_by(rule, points)
        assert kept == sorted(set(kept))
        for place, (before, after) in enumerate(pairwise(points), start=1):
            texts = isinstance(before[1], str) != isinstance(after[1], str)
            if before[2] != after[2] or texts or (before[1] is None) != (after[1] is None):
                assert place in kept


@given(mixed)
def test_on_change_keeps_exactly_what_differs_from_the_one_before(steps: Any) -> None:
    points = timed(steps)
    shown = [(type(value), repr(value), quality) for _, value, quality in points]
    # 0.0 and -0.0 are one value.
    shown = [(kind, "0.0" if text == "-0.0" else text, quality) for kind, text, quality in shown]
    expected = [i for i in range(len(shown)) if i == 0 or shown[i] != shown[i - 1]]
    assert kept_by(OnChange(), points) == expected


@given(series, st.integers(0, 20_000), st.integers(0, 20_000))
def test_an_interval_bounds_how_often_and_how_rarely_a_tag_reports(
    steps: Any, one_ms: int, other_ms: int
) -> None:
    min_ms, max_ms = sorted((one_ms, other_ms))
    points = timed(steps)
    kept = kept_by(Interval(OnChange(), min_ms=min_ms, max_ms=max_ms), points)
    times = [points[place][0] for place in kept]
    assert all(after - before >= min_ms * 1_000_000 for before, after in pairwise(times))
    if max_ms:
        for before, after in pairwise([*times, points[-1][0]]):
            in_between = [at for at, _, _ in points if before < at < after]
            assert all(at - before < max_ms * 1_000_000 for at in in_between)


def test_a_change_during_the_pause_is_reported_when_it_ends() -> None:
    second = 1_000_000_000
    points = timed([(second, value) for value in (1, 1, 2, 2, 2, 2, 2)])
    assert kept_by(Interval(OnChange(), min_ms=5_000), points) == [0, 5]
    lost_contact = timed([(second, 1, GOOD), (second, None, BAD), (second, 1, GOOD)])
    assert kept_by(Interval(OnChange(), min_ms=5_000), lost_contact) == [0, 1, 2]


def test_a_clock_that_was_set_back_keeps_nothing_back() -> None:
    second, hour = 1_000_000_000, 3_600_000_000_000
    steps = [(second, 1), (second, 2), (-hour, 3), (second, 4), (5 * second, 5)]
    assert kept_by(Interval(OnChange(), min_ms=5_000), timed(steps)) == [0, 2, 4]
    flat = [(second, 1), (second, 1), (-hour, 1), (second, 1), (60 * second, 1)]
    assert kept_by(Interval(OnChange(), max_ms=60_000), timed(flat)) == [0, 2, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Deadband(-1),
        lambda: Deadband(math.nan),
        lambda: Deadband.of_range(101, 0, 10),
        lambda: Deadband.of_range(1, 10, 10),
        lambda: SwingingDoor(math.inf),
        lambda: Interval(OnChange(), min_ms=-1),
        lambda: Interval(OnChange(), min_ms=2, max_ms=1),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: Any) -> None:
    with pytest.raises(GateError):
        wrong()


def test_a_deadband_in_percent_is_of_the_range() -> None:
    assert Deadband.of_range(2, -50, 150).width == pytest.approx(4)
