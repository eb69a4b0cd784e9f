"""A single-precision number becomes a short decimal, and stays the same number."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.float32 import shortest


def single(value: float) -> float:
    found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return found


@given(st.floats(width=32, allow_nan=False))
def test_it_is_the_same_single_precision_number(value: float) -> None:
    assert single(shortest(value)) == value
    assert str(shortest(value)).startswith("-") == str(value).startswith("-")


@given(st.decimals(-99_999, 99_999, places=1))
def test_a_decimal_of_few_digits_comes_back(value: object) -> None:
    assert shortest(single(float(str(value)))) == float(str(value))


@given(st.floats(allow_nan=False))
def test_a_double_stays_as_it_is(value: float) -> None:
    if abs(value) < 3e38 and single(value) != value:
        assert shortest(value) == value


@pytest.mark.parametrize("value", [float("inf"), 3.4028234663852886e38, 1e-45, 0.0, 1e300])
def test_the_ends_of_the_range_are_kept(value: float) -> None:
    assert shortest(value) == value or single(shortest(value)) == single(value)
