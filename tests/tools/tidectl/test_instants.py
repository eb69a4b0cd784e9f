"""Instants survive the way to text and back, and are read as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidectl.instants import epoch_ms, iso, since

NOW_MS = 1_795_560_000_000


@given(st.integers(0, 4_102_444_800_000))
def test_an_instant_comes_back_from_its_text(at_ms: int) -> None:
    assert epoch_ms(iso(at_ms)) == at_ms


def test_a_time_without_a_zone_is_utc() -> None:
    assert epoch_ms("2026-11-24T00:00:00") == epoch_ms("2026-11-24T01:00:00+01:00")


def test_what_is_finer_than_a_millisecond_is_cut_off() -> None:
    assert epoch_ms("2026-11-24T00:00:00.123999999Z") % 1_000 == 123


@pytest.mark.parametrize(
    ("text", "ago_ms"), [("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)]
)
def test_since_takes_how_long_ago(text: str, ago_ms: int) -> None:
    assert since(text, at_ms=NOW_MS) == NOW_MS - ago_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2 weeks", "-3h", "2026-13-01"])
def test_since_refuses_what_it_can_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="neither like"):
        since(text, at_ms=NOW_MS)
