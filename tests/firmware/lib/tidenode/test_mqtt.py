"""MQTT packets, byte by byte as the standard has them; what is broken raises LinkError only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode import greeting, mqtt
from tidenode.errors import LinkError

CONNACK, PUBACK, PINGRESP = b"\x20\x02\x01\x00", b"\x40\x02\x12\x34", b"\xd0\x00"
A_PUBLISH = b"\x30\x85\x01" + b"\x00\x01t" + b"x" * 130
PACKETS = {
    CONNACK: [(mqtt.CONNACK, 0x0100)],
    PUBACK: [(mqtt.PUBACK, 0x1234)],
    PINGRESP: [(mqtt.PINGRESP, 0)],
    A_PUBLISH: [],  # of no use to a publisher
    b"\x90\x03\x00\x01\x00": [],  # a SUBACK is neither
}
streams = st.lists(st.sampled_from(list(PACKETS)), max_size=8)


def publish(topic: bytes, packet_id: int, payload: bytes, duplicate: bool = False) -> bytes:
    out = bytearray(mqtt.HEAD_BYTES_MAX + len(topic))
    used = mqtt.write_publish_head(out, topic, packet_id, len(payload), duplicate)
    return bytes(out[:used]) + payload


def test_a_connect_is_the_standards() -> None:
    assert greeting.connect("board-1", 60, clean_session=False) == (
        b"\x10\x13" + b"\x00\x04MQTT" + b"\x04" + b"\x00" + b"\x00\x3c" + b"\x00\x07board-1"
    )
    assert greeting.connect("b", 1_200, clean_session=True)[9:12] == b"\x02\x04\xb0"


def test_a_publish_is_the_standards() -> None:
    assert publish(b"a/b", 0x1234, b"xyz") == b"\x32\x0a" + b"\x00\x03a/b" + b"\x12\x34" + b"xyz"
    assert publish(b"a/b", 1, b"", duplicate=True) == b"\x3a\x07" + b"\x00\x03a/b" + b"\x00\x01"


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
        (268_435_455, b"\xff\xff\xff\x7f"),
    ],
)
def test_a_length_takes_as_many_bytes_as_the_standard_says(length: int, written: bytes) -> None:
    out = bytearray(mqtt.HEAD_BYTES_MAX + 1)
    used = mqtt.write_publish_head(out, b"t", 1, length - 5, duplicate=False)
    assert bytes(out[:used]) == b"\x32" + written + b"\x00\x01t\x00\x01"


def test_a_packet_beyond_the_standards_length_is_refused() -> None:
    with pytest.raises(LinkError, match="at most 268435455"):
        mqtt.write_publish_head(bytearray(20), b"t", 1, 268_435_451, duplicate=False)


@given(streams, st.data())
def test_packets_come_whole_however_the_stream_is_cut(
    stream: list[bytes], data: st.DataObject
) -> None:
    reader, found, whole = mqtt.Reader(), list[tuple[int, int]](), b"".join(stream)
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += reader.feed(memoryview(whole)[:size])
        whole = whole[size:]
    assert found == [packet for part in stream for packet in PACKETS[part]]
    assert reader.skipped == sum(not PACKETS[part] for part in stream)


@pytest.mark.parametrize("packet", list(PACKETS), ids=lambda packet: packet[:4].hex())
def test_a_strict_prefix_waits_for_the_rest(packet: bytes) -> None:
    for size in range(len(packet)):
        reader = mqtt.Reader()
        assert reader.feed(packet[:size]) == []
        assert reader.skipped == 0
        assert reader.feed(packet[size:]) == PACKETS[packet]


@pytest.mark.parametrize(
    "packet",
    [
        "20 03 00 00 00",  # a CONNACK of three bytes
        "21 02 00 00",  # reserved flags
        "40 00",
        "42 02 00 01",
        "d0 01 00",
        "30 ff ff ff ff 01",  # a length of five bytes
    ],
)
def test_a_packet_that_breaks_the_standard_is_refused(packet: str) -> None:
    with pytest.raises(LinkError):
        mqtt.Reader().feed(bytes.fromhex(packet))


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_random_bytes_are_packets_or_a_link_error(chunks: list[bytes]) -> None:
    reader = mqtt.Reader()
    try:
        for chunk in chunks:
            for kind, number in reader.feed(chunk):
                assert kind in (mqtt.CONNACK, mqtt.PUBACK, mqtt.PINGRESP)
                assert 0 <= number <= 0xFFFF
    except LinkError:
        pass


@given(st.integers(0, 0xFFFF))
def test_a_connack_tells_of_a_session_or_refuses(number: int) -> None:
    if number in (0x0000, 0x0100):
        assert mqtt.session_present(number) == bool(number)
    else:
        with pytest.raises(LinkError, match=rf"\b({number & 255}|{number >> 8})\b"):
            mqtt.session_present(number)


def test_a_refusal_is_told_by_its_name() -> None:
    with pytest.raises(LinkError, match="not authorized"):
        mqtt.session_present(5)
