"""The CBOR codec agrees with cbor2, with the RFC's examples, and never trusts a length."""

import math
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidewire.strategies import floats, integers, texts
from tidewire import WireError, WireLimitError, WireMalformedError, WireTruncatedError, limits
from tidewire.cbor_reader import Tag, read
from tidewire.cbor_writer import TAG, write

items = st.recursive(
    st.none() | st.booleans() | integers | floats | texts | st.binary(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(-99, 99), inner, max_size=5)
        | st.dictionaries(texts, inner, max_size=5)
    ),
    max_leaves=20,
)
# RFC 8949, appendix A.
EXAMPLES: list[tuple[str, Any]] = [
    ("1903e8", 1000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("f93c00", 1.0),
    ("f93e00", 1.5),
    ("f97bff", 65504.0),
    ("fa47c35000", 100000.0),
    ("fb7e37e43c8800759c", 1.0e300),
    ("f90001", 5.960464477539063e-8),
    ("f90400", 0.00006103515625),
    ("f9c400", -4.0),
    ("f97c00", math.inf),
    ("f9fc00", -math.inf),
    ("c11a514b67b0", Tag(1, 1363896240)),
    ("5f42010243030405ff", bytes([1, 2, 3, 4, 5])),
    ("7f657374726561646d696e67ff", "streaming"),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ("f7", None),
    ("62c3bc", "ü"),
]


def depth(item: object) -> int:
    inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return 1 + max(map(depth, inner), default=0)


@given(items.filter(lambda item: depth(item) <= limits.DEPTH_MAX))
def test_what_is_written_reads_back_here_and_in_cbor2(item: object) -> None:
    out = bytearray()
    write(out, item)
    assert read(bytes(out)) == item
    assert cbor2.loads(bytes(out)) == item


@given(items.filter(lambda item: depth(item) <= limits.DEPTH_MAX))
def test_what_cbor2_writes_shortest_is_read(item: object) -> None:
    assert read(cbor2.dumps(item, canonical=True)) == item


@pytest.mark.parametrize(("text", "value"), EXAMPLES)
def test_the_examples_of_the_rfc_are_read(text: str, value: object) -> None:
    assert read(bytes.fromhex(text)) == value


def test_a_half_float_can_be_not_a_number() -> None:
    assert math.isnan(read(bytes.fromhex("f97e00")))  # type: ignore[arg-type]  # any item


@given(st.binary(max_size=60))
def test_random_bytes_are_an_item_or_a_wire_error(data: bytes) -> None:
    try:
        read(data)
    except WireError:
        return
    if not any(byte >> 5 == TAG for byte in data):  # cbor2 judges, too, what a tag means
        cbor2.loads(data)


@given(items.filter(lambda item: depth(item) <= limits.DEPTH_MAX))
def test_every_strict_prefix_is_truncated(item: object) -> None:
    data = cbor2.dumps(item)
    for size in range(len(data)):
        with pytest.raises(WireTruncatedError):
            read(data[:size])


@pytest.mark.parametrize(
    "text",
    [
        "1c00",
        "1f",
        "df00",
        "ff",
        "a1ff00",
        "a100ff",
        "81ff",
        "c0ff",
        "5f6161ff",
        "5f5f4100ffff",
        "61ff",
        "f800",
        "f0",
        "a200000000",
        "a2f500f500",
        "a18000",
        "0000",
        "7f61c361bcff",
    ],
)
def test_what_is_not_cbor_or_not_taken_is_malformed(text: str) -> None:
    with pytest.raises(WireMalformedError):
        read(bytes.fromhex(text))


def test_too_deep_and_too_long_are_limits() -> None:
    with pytest.raises(WireLimitError):
        read(b"\x81" * 10 + b"\x00")
    with pytest.raises(WireLimitError):
        read(b"\x81" * 100_000)
    with pytest.raises(WireLimitError):
        read(bytes(limits.PAYLOAD_BYTES_MAX + 1))
    nested: list[object] = []
    for _ in range(10):
        nested = [nested]
    with pytest.raises(WireLimitError):
        write(bytearray(), nested)


@pytest.mark.parametrize("head", ["5b", "7b", "9b", "bb"])
def test_a_claimed_length_allocates_nothing(head: str) -> None:
    data = bytes.fromhex(head + "000000ffffffffff")
    tracemalloc.start()
    with pytest.raises(WireTruncatedError):
        read(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000


@pytest.mark.parametrize("item", [{1, 2}, 1 << 63, "\ud800", [object()]])
def test_what_cbor_cannot_hold_is_refused(item: object) -> None:
    with pytest.raises((WireMalformedError, WireLimitError)):
        write(bytearray(), item)
