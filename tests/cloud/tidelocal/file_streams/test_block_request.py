"""Which blocks a request is answered with, and which requests are refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.file_streams.block_request import (
    BITMAP_BYTES_MAX,
    BLOCKS_MAX,
    REQUEST_BYTES_MAX,
    RequestRefusedError,
    parse,
)


def request(**fields: Any) -> bytes:
    return json.dumps({"f": 0, "l": 256, **fields}).encode()


def blocks(file_bytes: int, **fields: Any) -> list[int]:
    return list(parse(request(**fields)).blocks(file_bytes))


@pytest.mark.parametrize(
    ("file_bytes", "fields", "wanted"),
    [
        (1000, {}, [0, 1, 2, 3]),
        (1024, {}, [0, 1, 2, 3]),
        (1025, {"o": 3}, [3, 4]),
        (1000, {"o": 1, "n": 2}, [1, 2]),
        (1000, {"o": 4}, []),
        (1000, {"n": 0}, []),
        (0, {}, []),
        # The example of AWS's guide.
        (100_000, {"o": 20, "n": 32, "b": "0x130080"}, [20, 21, 24, 43]),
        (100_000, {"o": 20, "n": 2, "b": "130080"}, [20, 21]),
        (20 * 256 + 1, {"o": 20, "b": "130080"}, [20]),
        (1000, {"b": ""}, [0, 1, 2, 3]),
        (1000, {"b": "00"}, []),
    ],
)
def test_the_blocks_are_those_that_were_asked_for_and_are_there(
    file_bytes: int, fields: dict[str, Any], wanted: list[int]
) -> None:
    assert blocks(file_bytes, **fields) == wanted


@given(
    file_bytes=st.integers(0, 2_000_000),
    block_bytes=st.integers(256, 131_072),
    offset=st.integers(0, 1000),
    bitmap=st.none() | st.binary(min_size=1, max_size=64).map(bytes.hex),
)
def test_an_answer_is_bounded_in_order_and_within_the_file(
    file_bytes: int, block_bytes: int, offset: int, bitmap: str | None
) -> None:
    found = blocks(file_bytes, l=block_bytes, o=offset, b=bitmap)
    assert found == sorted(set(found))
    assert len(found) * block_bytes <= REQUEST_BYTES_MAX
    assert all(offset <= block and block * block_bytes < file_bytes for block in found)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", "InvalidJson"),
        (b"\xff", "InvalidJson"),
        (b"[" * 100_000, "InvalidJson"),
        (b"[]", "InvalidRequest"),
        (request(c=5), "InvalidRequest"),
        (request(c="c" * 65), "InvalidRequest"),
        (b'{"f": 0}', "BlockSizeOutOfBounds"),
        (request(l=255), "BlockSizeOutOfBounds"),
        (request(l=131_073), "BlockSizeOutOfBounds"),
        (request(l=True), "InvalidRequest"),
        (b'{"l": 256}', "InvalidRequest"),
        (request(f=256), "InvalidRequest"),
        (request(f="0"), "InvalidRequest"),
        (request(s="1"), "InvalidRequest"),
        (request(o=-1), "OffsetOutOfBounds"),
        (request(o=BLOCKS_MAX + 1), "OffsetOutOfBounds"),
        (request(n=BLOCKS_MAX + 1), "BlockCountLimitExceeded"),
        (request(b="xy"), "InvalidRequest"),
        (request(b=5), "InvalidRequest"),
        (request(b="00" * (BITMAP_BYTES_MAX + 1)), "BlockBitmapLimitExceeded"),
    ],
)
def test_a_wrong_request_is_refused_with_awss_code(payload: bytes, code: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        parse(payload)
    assert refused.value.code == code


def test_a_refusal_names_the_devices_token() -> None:
    with pytest.raises(RequestRefusedError) as refused:
        parse(request(c="mine", l=1))
    assert refused.value.token == "mine"


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_the_refusal(payload: bytes) -> None:
    with suppress(RequestRefusedError):
        parse(payload)
