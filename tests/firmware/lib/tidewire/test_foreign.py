"""SenML and flat JSON become batches, or are refused with a reason."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire import (
    BOOLEAN,
    DECIMAL,
    FLOAT,
    TEXT,
    Batch,
    WireError,
    WireLimitError,
    WireMalformedError,
    WireTruncatedError,
    WireVersionError,
    foreign,
    real_values,
)

NOW_MS = 1_700_000_000_000
# RFC 8428, 5.1.3, as it stands in section 5 (JSON) and 6 (CBOR).
RFC_JSON = b"""[
  {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
   "bu":"A","bver":5,
   "n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3},
  {"n":"current","t":-3,"v":1.4},
  {"n":"current","t":-2,"v":1.5},
  {"n":"current","t":-1,"v":1.6},
  {"n":"current","v":1.7}
]"""
RFC_CBOR = bytes.fromhex(
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b001062"
    "23614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3f"
    "f3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202"
    "fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999"
    "999999999aa3006763757272656e74060002fb3ffb333333333333"
)


def taken(payload: bytes | dict[str, Any] | list[Any]) -> Batch:
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    return foreign.decode(payload, "plant-7", "meter-1", "power", NOW_MS)


def fields(batch: Batch) -> dict[str, list[Any]]:
    return {column.name: real_values(column) for column in batch.columns}


@pytest.mark.parametrize("payload", [RFC_JSON, RFC_CBOR], ids=["json", "cbor"])
def test_the_example_of_the_rfc_becomes_a_batch(payload: bytes) -> None:
    batch = taken(payload)
    assert batch[:5] == ("plant-7", "meter-1", "power", None, None)
    assert batch.times_ms == [1_276_020_076_001 + 1_000 * since for since in range(-5, 1)]
    assert fields(batch) == {
        "voltage": [None] * 5 + [120.1],
        "current": [1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
    }


def test_senml_counts_small_times_from_receipt() -> None:
    assert taken([{"n": "a", "v": 1, "t": -5}, {"n": "a", "v": 2}]).times_ms == [
        NOW_MS - 5_000,
        NOW_MS,
    ]
    assert taken([{"n": "a", "v": 1, "t": (1 << 28)}]).times_ms == [(1 << 28) * 1_000]


def test_senml_adds_base_value_and_base_sum() -> None:
    batch = taken([{"bn": "x:", "bv": 20, "bs": 100}, {"n": "a", "v": 1.5, "s": 5}, {"n": "b"}])
    assert fields(batch) == {"a": [21.5], "a_sum": [105.0], "b": [20.0], "b_sum": [100.0]}


def test_senml_takes_texts_booleans_and_sums() -> None:
    batch = taken([{"n": "s", "vs": "on"}, {"n": "b", "vb": False}, {"n": "e", "s": 7}])
    assert fields(batch) == {"s": ["on"], "b": [False], "e_sum": [7.0]}
    assert [column.kind for column in batch.columns] == [TEXT, BOOLEAN, DECIMAL]


def test_senml_cbor_takes_decimal_fractions_and_half_floats() -> None:
    pack = [{0: "a", 2: cbor2.CBORTag(4, [-2, 2150])}, {0: "b", 2: 1.5}, {0: "c", 2: 7}]
    assert fields(taken(cbor2.dumps(pack, canonical=True))) == {"a": [21.5], "b": [1.5], "c": [7.0]}


@pytest.mark.parametrize(
    ("base", "name", "field"),
    [
        ("urn:dev:ow:10e2:", "Temp-C", "temp_c"),
        ("urn:dev:mac:0024befffe804ff1/", "a/b.c", "a_b_c"),
        ("room/temperature", "", "temperature"),
        ("urn:dev:ow:10e2073a01080063", "", "field_10e2073a01080063"),
        ("x:", "time", "field_time"),
    ],
)
def test_senml_names_become_fields(base: str, name: str, field: str) -> None:
    assert list(fields(taken([{"bn": base, "n": name, "v": 1}]))) == [field]


def test_numbers_of_one_field_are_stored_alike_whole_or_not() -> None:
    for payload in ({"a": 21}, {"a": 21.5}, {"a": 1 / 3}, [{"n": "a", "v": 21}]):
        (column,) = taken(payload).columns
        assert column.kind in (DECIMAL, FLOAT)
        assert [type(value) for value in real_values(column)] == [float]
    (column,) = taken(cbor2.dumps([{0: "a", 2: 21}])).columns
    assert column.kind == DECIMAL


@pytest.mark.parametrize(
    ("members", "time_ms"),
    [
        ({}, NOW_MS),
        ({"time": None}, NOW_MS),
        ({"time": 1_600_000_000}, 1_600_000_000_000),
        ({"ts": 1_600_000_000.25}, 1_600_000_000_250),
        ({"timestamp": 1_600_000_000_123}, 1_600_000_000_123),
        ({"time": "2026-05-01T12:00:00Z"}, 1_777_636_800_000),
        ({"time": "2026-05-01T14:00:00.125+02:00"}, 1_777_636_800_125),
    ],
)
def test_a_flat_object_finds_its_time(members: dict[str, Any], time_ms: int) -> None:
    assert taken({**members, "a": 1}).times_ms == [time_ms]


def test_a_flat_object_keeps_every_scalar() -> None:
    batch = taken({"Temp (°C)": 21.5, "door": "open", "on": True, "gone": None, "thing": "x"})
    assert fields(batch) == {
        "temp_c": [21.5],
        "door": ["open"],
        "on": [True],
        "field_thing": ["x"],
    }


SENML = {
    "data value": [{"n": "a", "vd": "aGk="}],
    "must-understand label": [{"n": "a", "v": 1, "x_": 2}],
    "no value": [{"n": "a"}],
    "two values": [{"n": "a", "v": 1, "vs": "b"}],
    "nothing but base": [{"bn": "a", "bv": 1}],
    "empty pack": [],
    "not a record": [1],
    "no name": [{"v": 1}],
    "bad name": [{"n": "a b", "v": 1}],
    "name begins with a colon": [{"n": ":a", "v": 1}],
    "value is text": [{"n": "a", "v": "1"}],
    "value is true": [{"n": "a", "v": True}],
    "text is a number": [{"n": "a", "vs": 1}],
    "boolean is a number": [{"n": "a", "vb": 1}],
    "time is text": [{"n": "a", "v": 1, "t": "now"}],
    "bver is text": [{"bver": "10", "n": "a", "v": 1}],
    "same field and time": [{"n": "a", "v": 1}, {"n": "a", "v": 2}],
    "two names in one field": [{"n": "a.b", "v": 1}, {"n": "a-b", "v": 1, "t": -1}],
    "sum overflows": [{"bv": 1.7e308, "n": "a", "v": 1.7e308}],
    "mixed types": [{"n": "a", "v": 1}, {"n": "a", "vs": "b", "t": -1}],
}
FLAT: dict[str, Any] = {
    "no members": {},
    "only a time": {"time": 1_600_000_000, "a": None},
    "a nested object": {"a": {"b": 1}},
    "an array": {"a": [1]},
    "two times": {"time": 1, "ts": 1, "a": 1},
    "a time without zone": {"time": "2026-05-01T12:00:00", "a": 1},
    "a time that is no time": {"time": "yesterday", "a": 1},
    "a time that is true": {"time": True, "a": 1},
    "no letters in a name": {"°": 1},
    "a long name": {"a" * 65: 1},
    "two members in one field": {"A": 1, "a": 2},
    "half a surrogate pair": {"a": "\ud800"},
}
RAW = {
    "cut": b'{"a": 1',
    "not UTF-8": b'{"a": "\xff"}',
    "a NaN": b'{"a": NaN}',
    "infinite": b'{"a": 1e999}',
    "an infinite time": b'{"a": 1, "time": 1e999}',
    "a member twice": b'{"a": 1, "a": 2}',
    "deep": b"[" * 100_000,
    "a long number": b'{"a": ' + b"9" * 5_000 + b"}",
    "text": b"hello",
    "a bare number": b"17",
    "trailing": b'{"a": 1} {"a": 2}',
    "white space first": b' {"a": 1}',
    "CBOR map": b"\xa1\x00\x01",
    "CBOR label twice": cbor2.dumps([{0: "a", "n": "b", 2: 1}]),
    "CBOR not a number": cbor2.dumps([{0: "a", 2: float("nan")}]),
    "CBOR fraction": cbor2.dumps([{0: "a", 2: cbor2.CBORTag(4, [1 << 40, 1])}]),
    "CBOR bytes": cbor2.dumps([{0: "a", 8: b"hi"}]),
}


@pytest.mark.parametrize("case", SENML)
def test_senml_that_breaks_a_rule_is_refused(case: str) -> None:
    with pytest.raises(WireMalformedError):
        taken(SENML[case])


@pytest.mark.parametrize("case", FLAT)
def test_a_flat_object_that_breaks_a_rule_is_refused(case: str) -> None:
    with pytest.raises(WireMalformedError):
        taken(FLAT[case])


@pytest.mark.parametrize("case", RAW)
def test_what_is_neither_is_refused(case: str) -> None:
    with pytest.raises(WireMalformedError):
        taken(RAW[case])


def test_a_newer_senml_is_another_version() -> None:
    with pytest.raises(WireVersionError):
        taken([{"bver": 11, "n": "a", "v": 1}])


def test_foreign_payloads_keep_the_limits() -> None:
    for payload in (
        {"time": -1, "a": 1},
        {"time": 1_600_000_000_000_000, "a": 1},
        {"a": "x" * 1025},
        {f"f{i}": 1 for i in range(129)},
        [{"n": "a", "v": 1, "t": -i} for i in range(4097)],
        [{"n": f"f{i}", "v": 1, "t": -i * 40 - j} for i in range(100) for j in range(20)],
    ):
        with pytest.raises(WireLimitError):
            taken(payload)
    with pytest.raises(WireLimitError):
        taken(b"[" + b" " * 131_072)
    with pytest.raises(WireTruncatedError):
        taken(b"")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
senml_labels = st.sampled_from(
    [
        "bn",
        "bt",
        "bu",
        "bv",
        "bs",
        "bver",
        "n",
        "u",
        "v",
        "vs",
        "vb",
        "vd",
        "s",
        "t",
        "ut",
        "x",
        "x_",
    ]
)
cbor_labels = st.integers(-8, 10) | st.sampled_from(["x_", "n"])


@given(
    st.dictionaries(st.text(max_size=5) | st.just("time"), json_values).map(json.dumps)
    | st.lists(st.dictionaries(senml_labels, json_values), max_size=4).map(json.dumps)
    | st.lists(st.dictionaries(cbor_labels, json_values), max_size=4).map(cbor2.dumps)
    | st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda rest: b"\x81\xa2\x00" + rest)
)
def test_any_payload_is_a_batch_or_a_wire_error(payload: str | bytes) -> None:
    data = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
    try:
        batch = taken(data)
    except WireError:
        return
    assert batch.times_ms == sorted(batch.times_ms)
    assert all(len(column.values) == len(batch.times_ms) for column in batch.columns)


@pytest.mark.parametrize("payload", [RFC_JSON, RFC_CBOR], ids=["json", "cbor"])
def test_every_strict_prefix_of_senml_is_refused(payload: bytes) -> None:
    for size in range(len(payload)):
        with pytest.raises(WireError):
            taken(payload[:size])
