"""Scaling: whole numbers become the decimals that are meant, and come back as they were."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tidegate.tag import Tag

scales = st.sampled_from([0.1, 0.01, 0.001, 0.25, 0.5, 5.0, 10.0, 1e-06, 2.54])
offsets = st.sampled_from([0.0, -40.0, 0.5, -273.15])


@given(st.integers(-(2**31), 2**31), scales, offsets)
def test_a_scaled_whole_number_is_the_decimal_that_is_meant(
    raw: int, scale: float, offset: float
) -> None:
    tag = Tag(field="f", address="", scale=scale, offset=offset)
    meant = Decimal(raw) * Decimal(repr(scale)) + Decimal(repr(offset))
    assert tag.meant(raw) == float(meant)
    assert round(tag.raw(float(meant))) == raw


def test_what_is_no_whole_number_or_has_no_short_decimal_is_as_it_comes() -> None:
    third = Tag(field="f", address="", scale=1 / 3)
    assert third.meant(2) == 2 * (1 / 3)
    tenth = Tag(field="f", address="", scale=0.1)
    assert tenth.meant(1.23456789) == 1.23456789 * 0.1
    assert [tenth.meant(value) for value in (True, "x", None)] == [True, "x", None]
