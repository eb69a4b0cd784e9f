"""A batch comes back whole, and nothing else than a WireError comes from anything else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.firmware.lib.tidewire.strategies import batches
from tidewire import (
    BOOLEAN,
    DECIMAL,
    FLOAT,
    INTEGER,
    TEXT,
    Batch,
    Column,
    WireError,
    WireLimitError,
    WireMalformedError,
    WireTruncatedError,
    WireVersionError,
    decode,
    encode,
    limits,
)

T0_MS = 1_700_000_000_000
LEVEL = Column("level", INTEGER, 0, [1, 2, 3])
BATCH = Batch("plant-7", "board-01", "tank", 3, 41, [T0_MS, T0_MS, T0_MS + 5], [LEVEL])


def changed(**fields: Any) -> Batch:
    """Return BATCH with other fields; MicroPython's namedtuples have no _replace, CPython's do."""
    return BATCH._replace(**fields)


@given(batches())
def test_a_batch_comes_back_as_it_was(batch: Batch) -> None:
    payload = encode(batch)
    assert decode(payload) == batch
    assert payload[0] >> 5 == 5
    assert len(payload) <= limits.PAYLOAD_BYTES_MAX


@given(batches())
def test_every_strict_prefix_is_truncated(batch: Batch) -> None:
    payload = encode(batch)
    for size in range(len(payload)):
        with pytest.raises(WireTruncatedError) as caught:
            decode(payload[:size])
        assert size < caught.value.need_bytes <= len(payload)
        assert caught.value.have_bytes == size


@given(batches(), st.binary(min_size=1, max_size=9))
def test_bytes_after_the_batch_are_refused(batch: Batch, rest: bytes) -> None:
    with pytest.raises(WireMalformedError):
        decode(encode(batch) + rest)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda rest: b"\xaa" + rest))
@example(b"\xbf" * 100)
@example(b"\xa1\x00" + b"\xc1" * 100_000)
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@given(batches(), st.data())
def test_a_batch_with_bytes_changed_decodes_or_raises_a_wire_error(
    batch: Batch, data: st.DataObject
) -> None:
    payload = bytearray(encode(batch))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = decode(payload)
    except WireError:
        return
    assert decode(encode(again)) == again or "nan" in repr(again)


def test_not_a_number_and_infinities_come_back() -> None:
    values = [float("nan"), float("inf"), -float("inf")]
    decoded = decode(encode(changed(columns=[Column("x", FLOAT, 0, values)])))
    assert repr(decoded.columns[0].values) == repr(values)


def test_floats_take_four_bytes_where_nothing_is_lost() -> None:
    def size(values: list[float]) -> int:
        return len(encode(changed(columns=[Column("x", FLOAT, 0, values)])))

    assert size([0.1, 0.2, 0.3]) - size([0.5, 0.25, 1e9]) == 3 * 4 + 1  # a longer head


def test_the_largest_batch_comes_back() -> None:
    count = limits.SAMPLES_MAX
    names = [f"f{i}" for i in range(limits.VALUES_MAX // count)]
    columns = [Column(name, DECIMAL, 3, list(range(count))) for name in names]
    batch = changed(times_ms=list(range(count)), columns=columns)
    assert decode(encode(batch)) == batch


def test_an_unknown_version_is_named() -> None:
    payload = bytearray(encode(BATCH))
    payload[2] = 2
    with pytest.raises(WireVersionError, match="unknown format version 2") as caught:
        decode(payload)
    assert caught.value.version == 2


def test_a_limit_error_says_what_and_how_much() -> None:
    with pytest.raises(WireLimitError, match="samples is 4097, the limit is 4096") as caught:
        encode(changed(times_ms=[T0_MS] * 4097))
    assert (caught.value.what, caught.value.value, caught.value.limit) == ("samples", 4097, 4096)


def column(kind: int, values: list[object], decimals: int = 0) -> dict[str, object]:
    return {"columns": [Column("x", kind, decimals, values)]}


REFUSED_BY_LIMIT = {
    "too many columns": {"columns": [LEVEL] * 129},
    "too many values": {"times_ms": [T0_MS] * 4096, "columns": [LEVEL] * 33},
    "a negative boot": {"boot": -1},
    "a sequence of 2**53": {"sequence": 1 << 53},
    "a time before 1970": {"times_ms": [-1, 0, 1]},
    "a time after 2262": {"times_ms": [0, 0, limits.TIME_MS_MAX + 1]},
    "an integer of 65 bits": column(INTEGER, [0, 1 << 63, 0]),
    "a decimal of 65 bits": column(DECIMAL, [0, -(1 << 63) - 1, 0]),
    "19 decimals": column(DECIMAL, [0, 0, 0], 19),
    "decimals of an integer": column(INTEGER, [0, 0, 0], 1),
    "a long text": column(TEXT, ["", "é" * 513, ""]),
    "too large a whole": {
        "times_ms": [T0_MS] * 200,
        "columns": [Column("x", TEXT, 0, ["y" * 1024] * 200)],
    },
}
REFUSED = {
    "no samples": {"times_ms": []},
    "no columns": {"columns": []},
    "times that descend": {"times_ms": [T0_MS, T0_MS - 1, T0_MS]},
    "a time that is a float": {"times_ms": [T0_MS, T0_MS, float(T0_MS)]},
    "a foreign batch": {"boot": None, "sequence": None},
    "a boot that is true": {"boot": True},
    "a site with a slash": {"site": "a/b"},
    "a thing with a space": {"thing": "a b"},
    "a measurement in capitals": {"measurement": "Tank"},
    "a reserved measurement": {"measurement": "tidegauge_ledger"},
    "a field named time": {"columns": [Column("time", INTEGER, 0, [1, 2, 3])]},
    "a field twice": {"columns": [LEVEL, LEVEL]},
    "a short column": column(INTEGER, [1, 2]),
    "a float among integers": column(INTEGER, [1, 2.0, 3]),
    "a boolean among decimals": column(DECIMAL, [1, True, 3]),
    "an integer among floats": column(FLOAT, [1.0, 2, 3.0]),
    "an integer among booleans": column(BOOLEAN, [True, 0, None]),
    "bytes among texts": column(TEXT, ["a", b"b", "c"]),
    "half a surrogate pair": column(TEXT, ["a", "\ud800", "c"]),
    "an unknown kind": column(7, [1, 2, 3]),
}


@pytest.mark.parametrize("case", REFUSED_BY_LIMIT)
def test_encode_refuses_what_is_beyond_a_limit(case: str) -> None:
    with pytest.raises(WireLimitError):
        encode(changed(**REFUSED_BY_LIMIT[case]))


@pytest.mark.parametrize("case", REFUSED)
def test_encode_refuses_what_breaks_a_rule(case: str) -> None:
    with pytest.raises(WireMalformedError):
        encode(changed(**REFUSED[case]))


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_any_bytes_like_object_is_read(wrap: Callable[[bytes], bytes]) -> None:
    assert decode(wrap(encode(BATCH))) == BATCH
