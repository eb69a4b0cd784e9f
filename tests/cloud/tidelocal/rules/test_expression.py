"""What an expression is worth: types, Undefined, comparison, logic, arithmetic."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cloud.tidelocal.rules.messages import message, value_of
from tidelocal.rules.errors import PayloadError, RuleRefusedError
from tidelocal.rules.expression import compile_expression
from tidelocal.rules.functions import FUNCTIONS
from tidelocal.rules.grammar import parse_expression
from tidelocal.rules.message import UNDEFINED, Value

PAYLOAD: dict[str, Any] = {
    "n": 7, "d": 2.5, "t": "text", "yes": True, "nothing": None, "digits": "12",
    "a": [1, "x"], "o": {"in": {"deep": 3}}, "big": 2**62,
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n", 7),
        ("o.in.deep", 3),
        ("o.missing", UNDEFINED),
        ("o.in.deep.er", UNDEFINED),
        ("n.x", UNDEFINED),
        ("missing", UNDEFINED),
        ("nothing", None),
        ("'it''s'", "it's"),
        ('"double"', "double"),
        ("1.50", 1.5),
        ("2e3", 2000.0),
        ("TRUE", True),
        ("false", False),
        ("null", None),
        ("undefined", UNDEFINED),
    ],
)
def test_literals_and_attributes(expression: str, value: Value) -> None:
    assert value_of(expression, PAYLOAD) == value


@pytest.mark.parametrize("payload", [b"", b"no json", b"\xff", b"[1]", b"5", b'"n"', b"null"])
def test_without_a_json_object_every_attribute_is_undefined(payload: bytes) -> None:
    assert value_of("n", payload) is UNDEFINED
    assert value_of("n.m > 5", payload) is UNDEFINED


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n + 1", 8),
        ("n + d", 9.5),
        ("n - 10", -3),
        ("n * d", 17.5),
        ("n / 2", 3),
        ("-n / 2", -3),
        ("n / 2.0", 3.5),
        ("n % 4", 3),
        ("-n % 4", -3),
        ("7.5 % 2", 1.5),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("1 - -1", 2),
        ("+n", 7),
        ("-digits", -12),
        ("'1' + 2", "12"),
        ("t + 2.5", "text2.5"),
        ("t + a", 'text[1,"x"]'),
        ("t + o", 'text{"in":{"deep":3}}'),
        ("t + yes", "texttrue"),
        ("n / 0", UNDEFINED),
        ("n % 0", UNDEFINED),
        ("n / 0.0", UNDEFINED),
        ("n + yes", UNDEFINED),
        ("n + missing", UNDEFINED),
        ("t + missing", UNDEFINED),
        ("t + nothing", UNDEFINED),
        ("n - t", UNDEFINED),
        ("-t", UNDEFINED),
        ("a * 2", UNDEFINED),
        ("1e308 * 10", UNDEFINED),
        ("'1e999' % '1e999'", UNDEFINED),
        ("big * big * big", UNDEFINED),  # more than the 34 digits of an Int
        ("big * 4", 2**64),
        ("'' + big * 4", str(2**64)),
    ],
)
def test_arithmetic(expression: str, value: Value) -> None:
    assert value_of(expression, PAYLOAD) == value


@pytest.mark.parametrize(
    ("expression", "value"), [("digits - 2", 10.0), ("'7' / 2", 3.5), ("n * '2'", 14.0)]
)
def test_a_text_in_arithmetic_makes_a_decimal(expression: str, value: float) -> None:
    found = value_of(expression, PAYLOAD)
    assert found == value
    assert isinstance(found, float)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n > 6", True),
        ("n >= 7", True),
        ("n < 7", False),
        ("d <= '2.5'", True),
        ("'10' > '9'", True),
        ("n = 7.0", True),
        ("n <> 7", False),
        ("t = 'text'", True),
        ("t <> n", True),
        ("yes = true", True),
        ("nothing = null", True),
        ("nothing <> null", False),
        ("nothing <> 1", True),
        ("missing = missing", UNDEFINED),
        ("missing <> 1", UNDEFINED),
        ("t > 1", UNDEFINED),
        ("yes > 0", UNDEFINED),
        ("nothing < 1", UNDEFINED),
        ("a = a", True),
        ("a > 1", UNDEFINED),
    ],
)
def test_comparison(expression: str, value: Value) -> None:
    assert value_of(expression, PAYLOAD) is value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true AND true", True),
        ("true AND 'FALSE'", False),
        ("true AND missing", UNDEFINED),
        ("missing AND false", False),
        ("false OR 'True'", True),
        ("missing OR true", True),
        ("missing OR false", UNDEFINED),
        ("1 AND true", UNDEFINED),
        ("NOT true", False),
        ("NOT 'false'", True),
        ("NOT missing", UNDEFINED),
        ("NOT NOT yes", True),
        ("false AND true OR true", True),
        ("true OR true AND false", True),
        ("NOT false AND false", False),
        ("n > 1 AND n < 9", True),
    ],
)
def test_logic(expression: str, value: Value) -> None:
    assert value_of(expression, PAYLOAD) is value


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("nope(1)", r"nope\(\) is not a function of IoT SQL"),
        ("substring(t, 1)", r"substring\(\) does not run in this local cloud yet"),
        ("CAST(n)", r"CAST\(\) does not run in this local cloud yet"),
        ("abs()", r"abs\(\) takes 1 arguments, not 0"),
        ("topic(1, 2)", r"topic\(\) takes 0 to 1 arguments, not 2"),
        ("upper(*)", r"upper\(\) does not take \* as argument 1"),
        ("encode('a', *)", r"encode\(\) does not take \* as argument 2"),
        ("encode(*, 'hex')", r"encode\(\) writes 'base64' alone, not 'hex'"),
        ("parse_time('yyyy-QQ', 0)", "'Q' is not a letter of a date pattern"),
        ("1e999", "1e999 is beyond the numbers of IoT SQL"),
        ("9" * 5000, "is beyond the numbers of IoT SQL"),
    ],
)
def test_what_could_never_work_is_refused_when_the_rule_is_made(expression: str, told: str) -> None:
    with pytest.raises(RuleRefusedError, match=told):
        compile_expression(parse_expression(expression))


ATOMS = st.sampled_from(
    [*PAYLOAD, "missing", "o.in.deep", "0", "1", "2.5", "'3'", "''", "'é'", "true", "null",
     "undefined", "'1e999'", f"'{'9' * 4400}'", "1e300"]
)  # fmt: skip
OPERATORS = st.sampled_from(["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "=", "<>", "AND", "OR"])
CALLS = st.sampled_from(
    sorted((name, count) for name, function in FUNCTIONS.items()
           for count in range(function.least, min(function.most, 3) + 1))
)  # fmt: skip


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, OPERATORS, inner).map(lambda parts: f"({' '.join(parts)})")
    unary = st.tuples(st.sampled_from(["-", "+", "NOT "]), inner).map("".join)
    calls = CALLS.flatmap(
        lambda call: st.lists(inner, min_size=call[1], max_size=call[1]).map(
            lambda arguments: f"{call[0]}({', '.join(arguments)})"
        )
    )
    return binary | unary.map(lambda text: f"({text})") | calls


@given(
    st.recursive(ATOMS, _expressions, max_leaves=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
)
@example("(parse_time('yyyy', 0, a) = 1)", "Europe")
@example("round(a)", 10.0**300)
@example("get(a, n)", "x")
def test_no_expression_fails_on_a_message(expression: str, value: Any) -> None:
    try:
        compiled = compile_expression(parse_expression(expression))
    except RuleRefusedError:
        return
    with suppress(PayloadError):
        compiled(message({**PAYLOAD, "a": value}))
