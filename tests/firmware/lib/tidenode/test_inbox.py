"""What comes by subscriptions: whole, skipped where too long, refused where broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.broker import publish_packet
from tidenode import mqtt
from tidenode.errors import LinkError
from tidenode.inbox import Inbox

BYTES_MAX = 64
PUBACK = b"\x40\x02\x12\x34"
SUBACK = b"\x90\x04\xff\xff\x01\x80"
topics = st.text("abc/$é", min_size=1, max_size=20)
publishes = st.tuples(topics, st.binary(max_size=200), st.sampled_from([0, 1, 0x1234, 0xFFFF]))


class Heard:
    """An inbox and all that it handed over."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self.messages: list[tuple[str, bytes | None, int]] = []
        self.grants: list[tuple[int, bytes]] = []
        self.inbox = Inbox(bytes_max, self.received, self.granted)
        self.reader = mqtt.Reader(self.inbox)

    def received(self, topic: bytes, payload: memoryview | None, packet_id: int) -> None:
        self.messages.append((topic.decode(), payload and bytes(payload), packet_id))

    def granted(self, packet_id: int, codes: bytes) -> None:
        self.grants.append((packet_id, codes))


@given(st.lists(publishes, max_size=5), st.data())
def test_messages_come_whole_however_the_stream_is_cut(
    sent: list[tuple[str, bytes, int]], data: st.DataObject
) -> None:
    heard, packets = Heard(), list[tuple[int, int]]()
    stream = b"".join(publish_packet(*one) + PUBACK + SUBACK for one in sent)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        packets += heard.reader.feed(memoryview(stream)[:size])
        stream = stream[size:]
    assert packets == [(mqtt.PUBACK, 0x1234)] * len(sent)
    assert heard.grants == [(0xFFFF, b"\x01\x80")] * len(sent)
    for (topic, payload, packet_id), (name, got, number) in zip(sent, heard.messages, strict=True):
        body_bytes = len(publish_packet(topic, payload, packet_id)) - 2 - (len(payload) > 100)
        fits = 2 + len(topic.encode()) + (2 if packet_id else 0) + len(payload) <= BYTES_MAX
        assert (name, number) == (topic, packet_id), body_bytes
        assert (got or b"") == (payload if fits else b"")
    too_long = sum(2 + len(t.encode()) + 2 * bool(i) + len(p) > BYTES_MAX for t, p, i in sent)
    assert heard.inbox.too_long == too_long


def test_a_message_that_is_too_long_is_skipped_and_its_id_known() -> None:
    heard = Heard()
    heard.reader.feed(publish_packet("t", b"x" * 100_000, 7) + publish_packet("u", b"y"))
    assert heard.messages == [("t", None, 7), ("u", b"y", 0)]
    assert heard.inbox.too_long == 1


def test_a_connection_that_ends_in_a_message_leaves_nothing_behind() -> None:
    heard = Heard()
    heard.reader.feed(publish_packet("t", b"x" * 20)[:-1])
    heard.inbox.restart()
    mqtt.Reader(heard.inbox).feed(publish_packet("u", b"y"))
    assert heard.messages == [("u", b"y", 0)]


@pytest.mark.parametrize(
    "packet",
    [
        "30 01 00",  # no room for a topic's length
        "30 03 00 05 61",  # a topic longer than its packet
        "32 03 00 01 61",  # no id
        "32 05 00 01 61 00 00",  # the id 0
        "34 05 00 01 61 00 01",  # QoS 2, which we never asked for
        "36 05 00 01 61 00 01",
        "90 01 00",
    ],
)
def test_a_broken_packet_is_an_error_of_the_link(packet: str) -> None:
    with pytest.raises(LinkError):
        Heard().reader.feed(bytes.fromhex(packet))


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_random_bytes_are_messages_or_a_link_error(chunks: list[bytes]) -> None:
    heard = Heard()
    try:
        for chunk in chunks:
            heard.reader.feed(chunk)
    except (LinkError, UnicodeDecodeError):  # `received` decodes
        pass
