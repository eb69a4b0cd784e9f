"""A time server's answer is a time of today, or a LinkError."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode import sntp
from tidenode.errors import LinkError

NONCE = b"\x01nonce!\xff"
NTP_OF_1970_S = 2_208_988_800


def reply(utc_ms: int, *, head: int = 0x24, stratum: int = 2, nonce: bytes = NONCE) -> bytes:
    """Return the packet of a server that answers at `utc_ms`, rounded up to NTP's fraction."""
    seconds = utc_ms // 1_000 + NTP_OF_1970_S
    fraction = -(-(utc_ms % 1_000 << 32) // 1_000)
    return (
        bytes((head, stratum, 6, 0xEC))
        + bytes(20)
        + nonce
        + bytes(8)
        + (seconds & 0xFFFFFFFF).to_bytes(4, "big")
        + fraction.to_bytes(4, "big")
    )


def test_a_request_carries_a_nonce_where_our_clock_would_be_read() -> None:
    packet = sntp.request(NONCE)
    assert len(packet) == sntp.PACKET_BYTES
    assert packet[0] == 0x23
    assert packet[40:] == NONCE
    assert not any(packet[1:40])


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_comes_to_the_millisecond_in_either_era(utc_ms: int) -> None:
    assert sntp.utc_ms_of(reply(utc_ms), NONCE) == utc_ms


@pytest.mark.parametrize("utc_ms", [2_085_978_495_999, 2_085_978_496_000])
def test_the_era_of_2036_begins_without_a_gap(utc_ms: int) -> None:
    assert sntp.utc_ms_of(reply(utc_ms), NONCE) == utc_ms


@pytest.mark.parametrize("head", [0x24, 0x64, 0xA4], ids=["none", "61 seconds", "59 seconds"])
def test_a_leap_second_that_is_announced_is_no_reason_to_refuse(head: int) -> None:
    """It comes as a correction by a second, which the clock makes gradually."""
    assert sntp.utc_ms_of(reply(1_800_000_000_000, head=head), NONCE) == 1_800_000_000_000


@pytest.mark.parametrize(
    "packet",
    [
        reply(0, nonce=b"another!"),
        reply(0, head=0x23),  # a client
        reply(0, head=0xE4),  # a server that is not synchronised
        reply(0, stratum=0),  # kiss of death
        reply(0, stratum=16),
        reply(0) + b"\x00",
        reply(0)[:-1],
        b"",
    ],
    ids=["nonce", "client", "alarm", "kiss", "stratum", "long", "short", "empty"],
)
def test_what_is_no_answer_to_us_is_refused(packet: bytes) -> None:
    with pytest.raises(LinkError):
        sntp.utc_ms_of(packet, NONCE)


@given(st.binary(max_size=60), st.binary(min_size=8, max_size=8))
def test_random_bytes_are_a_time_or_a_link_error(data: bytes, nonce: bytes) -> None:
    for packet in (data, data[:24].ljust(24, b"\x24") + nonce + data[24:40].ljust(16, b"\x00")):
        with suppress(LinkError):
            assert sntp.utc_ms_of(packet, nonce) >= 0
