"""Records that a producer aggregated open into their parts, or say why not."""

import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecloud import Record, RecordError
from tidecloud.aggregate import MAGIC, is_aggregated, parts_of


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def aggregate(parts: list[tuple[str, bytes]]) -> bytes:
    keys = sorted({key for key, _ in parts})
    body = b"".join(field(1, key.encode()) for key in keys)
    for key, data in parts:
        body += field(3, varint(1 << 3) + varint(keys.index(key)) + field(3, data))
    return sealed(body)


def sealed(body: bytes) -> bytes:
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()


def record_of(data: bytes) -> Record:
    return Record("shardId-0", "1", "aggregate", 1, data)


@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=300)), max_size=20))
def test_parts_come_out_as_they_went_in(parts: list[tuple[str, bytes]]) -> None:
    data = aggregate(parts)
    assert is_aggregated(data)
    opened = parts_of(record_of(data))
    assert [(part.partition_key, part.data) for part in opened] == parts
    assert [part.part for part in opened] == list(range(len(parts)))
    assert {part.sequence_number for part in opened} <= {"1"}


@given(st.data())
def test_every_strict_prefix_and_every_body_is_refused_cleanly(data: st.DataObject) -> None:
    whole = aggregate([("a", b"one"), ("b", b"two")])
    cut = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    with pytest.raises(RecordError):
        parts_of(record_of(whole[:cut]))
    with contextlib.suppress(RecordError):
        parts_of(record_of(sealed(data.draw(st.binary(max_size=60)))))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (field(3, b"\x08\x00" + field(3, b"data")), "partition key that is not there"),
        (field(3, field(3, b"data")), "lacks its partition key"),
        (field(1, b"\xff"), "not UTF-8"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\x05ab", "need 5 bytes, have 2"),
        (b"\x08" + b"\xff" * 11, "more than 10 bytes"),
        (b"\x08\xff", "ends inside a number"),
    ],
)
def test_a_broken_aggregate_says_what_is_wrong(body: bytes, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        parts_of(record_of(sealed(body)))


def test_unknown_fields_are_passed_over(make_record: Callable[..., Record]) -> None:
    unknown = varint(9 << 3) + varint(5) + varint(10 << 3 | 5) + b"1234" + varint(11 << 3 | 1)
    body = unknown + b"12345678" + field(1, b"a") + field(3, b"\x08\x00" + field(3, b"data"))
    (part,) = parts_of(make_record(sealed(body)))
    assert (part.partition_key, part.data) == ("a", b"data")
