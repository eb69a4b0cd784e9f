"""The keep-alive of CONNECT, or why a connection does not begin as MQTT does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.mqtt_connect import CONNECT_BYTES_MAX, NotConnectError, keep_alive_s

CONNECT = b"\x10\x0d\0\4MQTT\4\2\x01\x2c\0\1x"


@pytest.mark.parametrize("more", [b"", b"\xc0\0", bytes(1000)])
def test_the_keep_alive_is_read_once_the_packet_is_whole(more: bytes) -> None:
    assert keep_alive_s(CONNECT + more) == 300
    for cut in range(1, len(CONNECT)):
        assert keep_alive_s(CONNECT[:cut]) is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x30\0", "is not CONNECT"),
        (b"\x16\x03\x01", "is not CONNECT"),
        (b"\x10\0", "truncated"),
        (b"\x10\x02\xff\xff", "truncated"),
        (b"\x10\xff\xff\xff\xff\x7f", "is malformed"),
        (b"\x10\xff\xff\x7f", "2097151 bytes, 8192 at most"),
        (b"\x10" + bytes(100_000), "longer than 8192 bytes"),
    ],
)
def test_what_is_no_connect_is_told(data: bytes, told: str) -> None:
    with pytest.raises(NotConnectError, match=told):
        keep_alive_s(data)


@given(st.binary(min_size=1, max_size=40) | st.binary(max_size=20).map(b"\x10".__add__))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        answer = keep_alive_s(data)
    except NotConnectError as error:
        assert str(error)  # noqa: PT017  any of them
    else:
        assert answer is None or 0 <= answer <= 0xFFFF


def test_the_bound_holds_any_real_connect() -> None:
    assert CONNECT_BYTES_MAX >= 128 + 256 + 4096
