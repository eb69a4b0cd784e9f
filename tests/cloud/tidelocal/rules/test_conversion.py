"""One type as another, by the table of AWS IoT SQL."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.rules.conversion import equal, json_bytes, to_boolean, to_number, to_text
from tidelocal.rules.errors import PayloadError
from tidelocal.rules.message import UNDEFINED, Value

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "number", "boolean", "text"),
    [
        (7, 7, UNDEFINED, "7"),
        (-7.5, -7.5, UNDEFINED, "-7.5"),
        (1e300, 1e300, UNDEFINED, "1e+300"),
        (10**30, 10**30, UNDEFINED, "1" + "0" * 30),
        (True, UNDEFINED, True, "true"),
        (False, UNDEFINED, False, "false"),
        ("12", 12, UNDEFINED, "12"),
        ("-1.50", -1.5, UNDEFINED, "-1.50"),
        ("2e-3", 0.002, UNDEFINED, "2e-3"),
        ("2E3", 2000.0, UNDEFINED, "2E3"),
        ("TRUE", UNDEFINED, True, "TRUE"),
        ("false", UNDEFINED, False, "false"),
        ("+1", UNDEFINED, UNDEFINED, "+1"),
        (" 1", UNDEFINED, UNDEFINED, " 1"),
        ("1.", UNDEFINED, UNDEFINED, "1."),
        ("0x1", UNDEFINED, UNDEFINED, "0x1"),
        ("1\n", UNDEFINED, UNDEFINED, "1\n"),
        ("٣", UNDEFINED, UNDEFINED, "٣"),  # a digit, but not of a number
        ("1e999", UNDEFINED, UNDEFINED, "1e999"),
        ("", UNDEFINED, UNDEFINED, ""),
        ([1, "a", None], UNDEFINED, UNDEFINED, '[1,"a",null]'),
        ({"a": {"b": True}}, UNDEFINED, UNDEFINED, '{"a":{"b":true}}'),
        (None, UNDEFINED, UNDEFINED, UNDEFINED),
        (UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED),
    ],
)
def test_the_conversion_table(value: Value, number: Value, boolean: Value, text: Value) -> None:
    assert (to_number(value), to_boolean(value), to_text(value)) == (number, boolean, text)
    assert type(to_number(value)) is type(number)


def test_a_number_of_more_digits_than_an_int_has_is_a_decimal() -> None:
    assert to_number("9" * 34) == 10**34 - 1
    assert to_number("9" * 35) == 1e35
    assert to_number("9" * 5000) is UNDEFINED


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, "1", True),
        ("1.0", 1, True),
        ("1", "1.0", False),
        ("a", "a", True),
        ("a", 1, False),
        (True, True, True),
        (True, 1, False),
        (True, "true", False),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ([1], [True], False),
        ({"a": 0}, {"a": False}, False),
        ({"a": [1.0]}, {"a": [1]}, True),
        ([], {}, False),
        (UNDEFINED, UNDEFINED, UNDEFINED),
        (UNDEFINED, 1, UNDEFINED),
    ],
)
def test_equality(left: Value, right: Value, same: Value) -> None:
    assert equal(left, right) is same
    assert equal(right, left) is same


@given(JSON)
def test_every_value_equals_itself(value: Any) -> None:
    assert equal(value, json.loads(json.dumps(value))) is True


@given(JSON)
def test_json_is_what_was_written(value: Any) -> None:
    assert equal(json.loads(json_bytes(value)), value) is True


def test_an_int_longer_than_64_bits_is_written_whole() -> None:
    assert json_bytes({"n": 10**30, "t": "ü"}) == b'{"n":1' + b"0" * 30 + ',"t":"ü"}'.encode()


def test_a_value_nested_too_deeply_to_be_written_is_the_payloads_mistake() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(PayloadError, match="nested too deeply"):
        json_bytes(value)
