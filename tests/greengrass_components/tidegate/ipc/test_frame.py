"""Frames: byte for byte what AWS's client sends, and nothing but our errors for the rest."""

import struct
import uuid
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ipc.errors import FrameMalformedError, FrameTruncatedError, IpcError
from tidegate.ipc.frame import FRAME_BYTES_MAX, Frame, decode, encode, total_bytes
from tidegate.ipc.message import Kind, Message, connect, parse

# As awsiotsdk 1.31.0 sent it with SVCUID=t, and an answer that it accepted.
CONNECT = bytes.fromhex(
    "0000006a00000048cea77927083a76657273696f6e070005302e312e300d3a6d6573736167652d74797065040000"
    "00040e3a6d6573736167652d666c61677304000000000a3a73747265616d2d696404000000007b22617574685"
    "46f6b656e223a202274227d69389391"
)
ACK = bytes.fromhex(
    "0000004700000037374cfe3f0d3a6d6573736167652d7479706504000000050e3a6d6573736167652d666c616773"
    "04000000010a3a73747265616d2d69640400000000e237e27d"
)
HEADERS = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(
        st.booleans(),
        st.integers(-(2**31), 2**31 - 1),
        st.text(max_size=40),
        st.binary(max_size=40),
        st.uuids(),
    ),
    max_size=6,
)


def test_the_bytes_are_those_of_the_official_client() -> None:
    assert connect("t").encoded() == CONNECT
    assert Message(Kind.CONNECT_ACK, 1).encoded() == ACK
    message = parse(CONNECT)
    assert (message.kind, message.document()) == (Kind.CONNECT, {"authToken": "t"})
    assert message.headers == {":version": "0.1.0"}


@given(HEADERS, st.binary(max_size=200))
def test_a_frame_comes_back_as_it_went(
    headers: dict[str, bool | int | str | bytes | uuid.UUID], payload: bytes
) -> None:
    frame = Frame(headers, payload)
    assert decode(encode(frame)) == frame


@given(st.integers(0, len(CONNECT) - 1))
def test_every_strict_prefix_asks_for_more(cut: int) -> None:
    with pytest.raises(FrameTruncatedError) as caught:
        decode(CONNECT[:cut])
    assert caught.value.have_bytes == cut < caught.value.need_bytes


@given(st.integers(0, len(CONNECT) - 1), st.integers(1, 255))
def test_every_changed_byte_is_found_by_a_checksum(position: int, change: int) -> None:
    broken = bytearray(CONNECT)
    broken[position] ^= change
    with pytest.raises(IpcError):
        decode(bytes(broken))


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_our_error(data: bytes) -> None:
    with pytest.raises(IpcError):
        parse(data)


@given(st.binary(max_size=60))
def test_random_headers_under_right_checksums_raise_only_our_error(raw: bytes) -> None:
    plain = encode(Frame({"x": raw}))  # its header's bytes are then taken for headers
    try:
        parse(plain)
    except IpcError:
        pass
    else:
        pytest.fail("a message without type, flags and stream was taken")


def test_a_length_of_gigabytes_is_refused_before_anybody_waits_for_it() -> None:
    with pytest.raises(FrameMalformedError, match="a frame of"):
        encode(Frame({}, bytes(FRAME_BYTES_MAX)))
    with pytest.raises(FrameMalformedError):
        total_bytes(bytes.fromhex("7fffffff00000000") + bytes(4))


def test_the_rest_of_the_header_types_is_read() -> None:
    # i8 -1, i16 2, i64 3, timestamp 4, as a server of another make may send them
    headers = b"\x01a\x02\xff\x01b\x03\x00\x02\x01c\x05" + struct.pack(">q", 3)
    headers += b"\x01d\x08" + struct.pack(">q", 4)
    prelude = struct.pack(">II", 16 + len(headers), len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers
    assert decode(body + struct.pack(">I", crc32(body))).headers == {
        "a": -1,
        "b": 2,
        "c": 3,
        "d": 4,
    }
