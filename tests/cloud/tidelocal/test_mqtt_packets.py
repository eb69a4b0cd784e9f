"""Packet boundaries, and packets that no device may send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.mqtt_packets import PACKET_BYTES_MAX, PacketRefusedError, Packets

CONNECT = b"\x10\x0c\0\4MQTT\4\2\0\x3c\0\0"
REST = st.lists(
    st.builds(
        lambda first, body: bytes([first]) + _length(len(body)) + body,
        st.sampled_from([0x30, 0x32, 0x33, 0x3A, 0x40, 0x82, 0xA2, 0xC0, 0xE0]),
        st.binary(max_size=300),
    ),
    max_size=6,
)


def _length(count: int) -> bytes:
    data = bytearray()
    while True:
        count, low = divmod(count, 0x80)
        data.append(low | (0x80 if count else 0))
        if not count:
            return bytes(data)


def _told(*pieces: bytes) -> str:
    packets = Packets()
    for piece in pieces[:-1]:
        packets.follow(piece)
    with pytest.raises(PacketRefusedError) as refusal:
        packets.follow(pieces[-1])
    return str(refusal.value)


@given(REST, st.lists(st.integers(0, 2000), max_size=6))
def test_packets_are_followed_in_pieces_of_any_size(rest: list[bytes], cuts: list[int]) -> None:
    data = CONNECT + b"".join(rest)
    packets, at = Packets(), 0
    for cut in sorted(cuts):
        packets.follow(data[at:cut])
        at = max(at, min(cut, len(data)))
    packets.follow(data[at:])
    with pytest.raises(PacketRefusedError, match="a second CONNECT"):
        packets.follow(CONNECT)  # so a packet begins here, whatever the pieces were


@given(st.binary(max_size=64))
def test_garbage_is_refused_or_followed(data: bytes) -> None:
    try:
        Packets().follow(data)
    except PacketRefusedError as refusal:
        assert str(refusal)  # noqa: PT017  any of them


def test_the_largest_packet_passes_and_a_longer_one_is_refused_by_its_header() -> None:
    packets = Packets()
    packets.follow(CONNECT + b"\x32" + _length(PACKET_BYTES_MAX) + bytes(PACKET_BYTES_MAX))
    packets.follow(b"\xc0\0")
    assert _told(CONNECT, b"\x32", _length(PACKET_BYTES_MAX + 1)) == (
        f"a packet of {PACKET_BYTES_MAX + 1} bytes, {PACKET_BYTES_MAX} at most"
    )


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"\x30\0"], "its first packet is not CONNECT"),
        ([b"GET / HTTP/1.1"], "its first packet is not CONNECT"),
        ([CONNECT, CONNECT], "a second CONNECT"),
        ([CONNECT, b"\x00"], "a packet of type 0, which no device may send"),
        ([CONNECT, b"\x20\2\0\0"], "a packet of type 2, which no device may send"),
        ([CONNECT, b"\x62\2\0\1"], "a packet of type 6, which no device may send"),
        ([CONNECT, b"\xff"], "a packet of type 15, which no device may send"),
        ([CONNECT, b"\x34"], "a publish of QoS 2: AWS IoT has 0 and 1"),
        ([CONNECT, b"\x36"], "a publish of QoS 3: AWS IoT has 0 and 1"),
        ([CONNECT, b"\x32\xff\xff\xff", b"\xff"], "a packet whose length is malformed"),
    ],
)
def test_what_no_device_may_send_is_told(pieces: list[bytes], told: str) -> None:
    assert _told(*pieces) == told
