"""Values find the kind that holds them without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire import (
    BOOLEAN,
    DECIMAL,
    FLOAT,
    INTEGER,
    TEXT,
    Column,
    WireMalformedError,
    column_of,
    real_values,
)


def test_a_huge_float_behind_a_fraction_overflowed() -> None:
    values = [0.5, 1.797693134862316e307, -1e308]
    assert column_of("x", values) == Column("x", FLOAT, 0, values)


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=30))
def test_floats_keep_their_values(values: list[float | None]) -> None:
    assert real_values(column_of("x", values)) == values


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30), st.integers(0, 9))
def test_what_is_short_in_decimal_becomes_decimal(numbers: list[int], decimals: int) -> None:
    values = [number / 10**decimals for number in numbers]
    column = column_of("x", values)
    assert column.kind == DECIMAL
    assert column.decimals <= decimals
    assert real_values(column) == values


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([21.5, 21.25], Column("x", DECIMAL, 2, [2150, 2125])),
        ([21.0, 22.0], Column("x", DECIMAL, 0, [21, 22])),
        ([21, 21.5, None], Column("x", DECIMAL, 1, [210, 215, None])),
        ([21, None, -3], Column("x", INTEGER, 0, [21, None, -3])),
        ([1 / 3, 0.5], Column("x", FLOAT, 0, [1 / 3, 0.5])),
        ([1e300], Column("x", FLOAT, 0, [1e300])),
        ([1e15, 0.001], Column("x", FLOAT, 0, [1e15, 0.001])),
        ([float("inf"), 1.0], Column("x", FLOAT, 0, [float("inf"), 1.0])),
        ([True, None], Column("x", BOOLEAN, 0, [True, None])),
        (["open", None], Column("x", TEXT, 0, ["open", None])),
        ([None, None], Column("x", DECIMAL, 0, [None, None])),
    ],
)
def test_the_kind_follows_the_values(values: list[object], column: Column) -> None:
    assert column_of("x", values) == column


@pytest.mark.parametrize("values", [[1, True], [1.5, "a"], [b"x"], [[1]], ["a", False]])
def test_mixtures_and_other_types_are_refused(values: list[object]) -> None:
    with pytest.raises(WireMalformedError, match="'x'"):
        column_of("x", values)


def test_reals_are_floats_and_the_rest_is_left_alone() -> None:
    assert [type(v) for v in real_values(Column("x", DECIMAL, 0, [1, None]))] == [float, type(None)]
    assert real_values(Column("x", INTEGER, 0, [1, None])) == [1, None]
