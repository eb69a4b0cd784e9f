"""Each function of IoT SQL that runs here."""

import uuid
from typing import Any

import pytest

from tests.cloud.tidelocal.rules.messages import RECEIVED_AT_MS, value_of
from tidelocal.rules.functions import ABSENT, FUNCTIONS
from tidelocal.rules.message import UNDEFINED, Value

PAYLOAD: dict[str, Any] = {"a": [1, "x"], "o": {"k-1": 5}, "nothing": None, "t": " Ab "}
# One line a function: AWS's own examples in other words, and what types it does not take.
CASES: list[tuple[str, Value]] = [
    ("abs(-5)", 5),
    ("abs('-2.5')", 2.5),
    ("abs('x')", UNDEFINED),
    ("abs(true)", UNDEFINED),
    ("accountid()", "000000000000"),
    ("ceil(1.2)", 2),
    ("ceil(-1.2)", -1),
    ("ceil('x')", UNDEFINED),
    ("clientid()", "thing"),
    ("concat('a', 1, true)", "a1true"),
    ("concat(a, 2)", [1, "x", 2]),
    ("concat('a', undefined)", UNDEFINED),
    ("concat('a', nothing)", UNDEFINED),
    ("encode('ü', 'base64')", "w7w="),
    ("encode(12, 'base64')", "MTI="),
    ("encode(undefined, 'base64')", UNDEFINED),
    ("encode('a', t)", UNDEFINED),
    ("endswith('cat', 'at')", True),
    ("endswith(12, 2)", True),
    ("endswith('cat', undefined)", UNDEFINED),
    ("floor(1.8)", 1),
    ("floor(-1.2)", -2),
    ("floor('2.5')", 2),
    ("get(a, 1)", "x"),
    ("get(a, 2)", UNDEFINED),
    ("get(a, -1)", UNDEFINED),
    ("get(a, true)", UNDEFINED),
    ("get(o, 'k-1')", 5),
    ("get(o, 0)", UNDEFINED),
    ("get('abc', 1)", "b"),
    ("indexof('abcd', 'bc')", 1),
    ("indexof('abcd', 'x')", -1),
    ("isNull(nothing)", True),
    ("isNull(undefined)", False),
    ("isUndefined(missing)", True),
    ("isUndefined(nothing)", False),
    ("length('aé')", 2),
    ("length(nothing)", UNDEFINED),
    ("lower('ÄB')", "äb"),
    ("ltrim(t)", "Ab "),
    ("md5('hello')", "5d41402abc4b2a76b9719d911017c592"),
    ("numbytes('é€')", 5),
    ("parse_time('yyyy-MM-dd HH:mm', 1000, 'Europe/Berlin')", "1970-01-01 01:00"),
    ("parse_time('yyyy', '1000')", "1970"),
    ("parse_time('yyyy', 0, 'No/Where')", UNDEFINED),
    ("parse_time('yyyy', 0, '../etc')", UNDEFINED),
    ("parse_time(t, 1e300)", UNDEFINED),
    ("parse_time(1, 0)", UNDEFINED),
    ("principal()", "a-certificate"),
    ("replace('banana', 'an', 'x')", "bxxa"),
    ("round(2.5)", 3),
    ("round(-1.5)", -2),
    ("round(0.49)", 0),
    ("round(9007199254740993)", 9007199254740993),
    ("rtrim(t)", " Ab"),
    ("sha1('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("sha512(undefined)", UNDEFINED),
    ("sourceip()", "192.0.2.7"),
    ("sqrt(9)", 3.0),
    ("sqrt(-1)", UNDEFINED),
    ("startswith('ranger', 'ran')", True),
    ("startswith('ranger', 'an')", False),
    ("timestamp()", RECEIVED_AT_MS),
    ("topic()", "dt/site/thing/climate"),
    ("topic(1)", "dt"),
    ("topic(4)", "climate"),
    ("topic(5)", UNDEFINED),
    ("topic(0)", UNDEFINED),
    ("topic(true)", UNDEFINED),
    ("topic(nothing)", UNDEFINED),
    ("topic('1')", UNDEFINED),
    ("traceid()", "a-trace"),
    ("trim(t)", "Ab"),
    ("UPPER('ab')", "AB"),
]


@pytest.mark.parametrize(("expression", "value"), CASES)
def test_a_function(expression: str, value: Value) -> None:
    found = value_of(expression, PAYLOAD)
    assert found == value
    assert type(found) is type(value)


def test_every_function_has_a_case_here() -> None:
    tried = {expression.partition("(")[0].lower() for expression, _value in CASES}
    assert set(FUNCTIONS) - tried == {"newuuid"}
    assert not ABSENT & set(FUNCTIONS)


def test_the_whole_payload_is_encoded_byte_by_byte() -> None:
    assert value_of("encode(*, 'base64')", b"\x00\xff{") == "AP97"


def test_off_mqtt_there_is_no_client_principal_or_trace() -> None:
    other: dict[str, Any] = {"client": None, "principal": None, "trace_id": ""}
    assert value_of("clientid()", **other) == "n/a"
    assert value_of("principal()", **other) is UNDEFINED
    assert value_of("traceid()", **other) is UNDEFINED


def test_newuuid_is_another_each_time() -> None:
    first, second = (uuid.UUID(value_of("newuuid()")) for _ in range(2))
    assert first != second
    assert first.version == 4
