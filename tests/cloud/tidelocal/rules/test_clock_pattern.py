"""Instants by date patterns."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.rules import clock_pattern

AT_MS = 1_790_000_000_007  # Monday, 2026-09-21T14:13:20.007Z


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy/MM/dd", "2026/09/21"),
        ("yy", "26"),
        ("y-M-d H:m:s", "2026-9-21 14:13:20"),
        ("hh a", "02 PM"),
        ("HH:mm:ss.SSS", "14:13:20.007"),
        ("S", "0"),
        ("SSSSSS", "007000"),
        ("MMM MMMM", "Sep September"),
        ("E EEEE", "Mon Monday"),
        ("DDD", "264"),
        ("Z z", "+0000 UTC"),
        ("yyyy'T'HH 'o''clock'", "2026T14 o'clock"),
        ("''yyyy''", "'2026'"),
        ("", ""),
    ],
)
def test_a_pattern_is_written(pattern: str, text: str) -> None:
    assert clock_pattern.render(pattern, AT_MS, "UTC") == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("utc", "2026-09-21 14 +0000"),
        ("GMT", "2026-09-21 14 +0000"),
        ("Asia/Kolkata", "2026-09-21 19 +0530"),
        ("America/New_York", "2026-09-21 10 -0400"),
    ],
)
def test_a_zone_moves_the_clock(zone: str, text: str) -> None:
    assert clock_pattern.render("yyyy-MM-dd HH Z", AT_MS, zone) == text


@pytest.mark.parametrize("pattern", ["Q", "yyyy-ww", "'open and b"])
def test_a_letter_that_is_no_field_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a letter of a date pattern"):
        clock_pattern.render(pattern, AT_MS, "UTC")


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_the_fields_of_any_instant_are_its_own(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    at_ms = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    text = clock_pattern.render("yyyy-MM-dd'T'HH:mm:ss.SSS", at_ms, "UTC")
    assert text == at.isoformat(timespec="milliseconds").removesuffix("+00:00")
