"""Rows: what rules let through, the value before a turn, and the quality of it all."""

from collections.abc import Callable
from itertools import islice

import pytest

from tests.bench import recordings
from tidegate.group import Group
from tidegate.report import Report
from tidegate.row_filter import Row, RowFilter
from tidegate.sample import Sample, Value
from tidegate.tag import Tag

BAD = b"\x02\x02"


def group(*reports: Report | None) -> Group:
    tags = tuple(Tag(field=f"f{n}", address="", report=one) for n, one in enumerate(reports))
    return Group(thing="t", measurement="m", tags=tags)


def rows(one: Group, samples: list[tuple[tuple[Value, ...], bytes | None]]) -> list[Row]:
    row_filter = RowFilter(one)
    found: list[Row] = []
    for second, (values, qualities) in enumerate(samples):
        found += row_filter.take(Sample(one, second * 10**9, 0, values, qualities))
    return [*found, *row_filter.flush()]


def test_without_rules_every_sample_is_a_row_with_its_worst_quality() -> None:
    found = rows(
        group(None, None), [((1, 2), None), ((1, None), b"\x00\x02"), ((1, 2), b"\x01\x00")]
    )
    assert found == [(0, (1, 2, 0)), (1000, (1, None, 2)), (2000, (1, 2, 1))]


def test_a_deadband_leaves_out_its_own_field_only_and_rows_of_nothing_are_none() -> None:
    one = group(Report(deadband=1.0), Report(on_change=True))
    values: list[tuple[Value, ...]] = [(5.0, True), (5.5, True), (5.5, False), (9.0, False)]
    found = rows(one, [(row, None) for row in values])
    assert found == [(0, (5.0, True, 0)), (2000, (None, False, 0)), (3000, (9.0, None, 0))]


def test_a_swinging_door_keeps_the_corner_and_the_end() -> None:
    one = group(Report(swinging_door=0.1))
    values = [0.0, 1.0, 2.0, 3.0, 2.0, 1.0]
    found = rows(one, [((value,), None) for value in values])
    assert [(at_ms, row[0]) for at_ms, row in found] == [(0, 0.0), (3000, 3.0), (5000, 1.0)]


def test_a_unit_going_silent_is_a_row_whatever_the_rules() -> None:
    one = group(Report(deadband=10.0), Report(on_change=True))
    found = rows(one, [((1.0, 1), None), ((None, None), BAD), ((1.0, 1), None)])
    assert found == [(0, (1.0, 1, 0)), (1000, (None, None, 2)), (2000, (1.0, 1, 0))]


def test_a_device_without_any_value_is_told_once_until_it_has_one() -> None:
    samples: list[tuple[tuple[Value, ...], bytes | None]] = [
        ((None, None), BAD), ((None, None), BAD), ((1, None), b"\0\2"), ((None, None), BAD),
        ((None, None), BAD), ((1, 2), None),
    ]  # fmt: skip
    for one in (group(None, None), group(Report(on_change=True), Report(swinging_door=0.0))):
        found = rows(one, samples)
        assert [at_ms for at_ms, _ in found] == [0, 2000, 3000, 5000]


def test_what_a_door_held_back_may_go_before_its_time_and_the_door_turns_there() -> None:
    one = group(Report(swinging_door=0.5))
    row_filter = RowFilter(one)
    found: list[Row] = []
    for second, value in ((0, 0.0), (1, 10.0)):
        found += row_filter.take(Sample(one, second * 10**9, 0, (value,), None))
    found += row_filter.release()
    assert found == [(0, (0.0, 0)), (1000, (10.0, 0))]
    assert list(row_filter.release()) == []
    # A door that still hung at 0 s would let 19 at 2 s go, and with it the 10 that was kept.
    for second, value in ((2, 19.0), (3, 20.0), (4, 30.0)):
        found += row_filter.take(Sample(one, second * 10**9, 0, (value,), None))
    found += row_filter.flush()
    assert found[2:] == [(2000, (19.0, 0)), (3000, (20.0, 0)), (4000, (30.0, 0))]


@pytest.mark.parametrize("recorded", [recordings.house, recordings.pump])
def test_rules_keep_their_word_on_recordings(recorded: Callable[[], recordings.Recording]) -> None:
    recording = recorded()
    for numbers in recording.fields.values():
        points = list(islice(zip(recording.times_ms, numbers, strict=True), 1000))
        bounds = (min(numbers), max(numbers) + 1e-9)
        width = (bounds[1] - bounds[0]) / 50
        door = kept_of(points, Report(swinging_door=width))
        assert farthest(points, door, is_line=True) <= width * (1 + 1e-9)
        for band in (Report(deadband=width), Report(deadband_percent=2.0)):
            kept = kept_of(points, band, bounds)
            assert farthest(points, kept, is_line=False) <= width * (1 + 1e-9)
        changes = kept_of(points, Report(on_change=True))
        assert farthest(points, changes, is_line=False) == 0
        assert len(door) < len(points)


def kept_of(
    points: list[tuple[int, float]], report: Report, bounds: tuple[float, float] | None = None
) -> list[tuple[int, float]]:
    """Return what a filter keeps of a series of one tag."""
    tag = Tag(field="f", address="", report=report, bounds=bounds)
    one = Group(thing="t", measurement="m", tags=(tag,))
    row_filter = RowFilter(one)
    found: list[Row] = []
    for at_ms, value in points:
        found += row_filter.take(Sample(one, at_ms * 1_000_000, 0, (value,), None))
    return [(at_ms, float(row[0] or 0)) for at_ms, row in [*found, *row_filter.flush()]]


def farthest(
    points: list[tuple[int, float]], kept: list[tuple[int, float]], *, is_line: bool
) -> float:
    """Return how far a value is from what is rebuilt of those kept: lines, or steps."""
    place, most = 0, 0.0
    for at_ms, value in points:
        while place + 1 < len(kept) and kept[place + 1][0] <= at_ms:
            place += 1
        left_ms, rebuilt = kept[place]
        if is_line and at_ms > left_ms:
            right_ms, right = kept[place + 1]
            rebuilt += (right - rebuilt) * (at_ms - left_ms) / (right_ms - left_ms)
        most = max(most, abs(value - rebuilt))
    return most
