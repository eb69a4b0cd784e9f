"""Subscriptions, messages and answers over connections that come and go."""

import pytest

from tests.firmware.lib.tidenode.broker import publish_packet
from tidenode import mqtt, talk
from tidenode.errors import LinkError
from tidenode.talk import Talk

GRANTED = b"\x90\x03\xff\xff\x01"
REFUSED = b"\x90\x03\xff\xff\x80"


class Line:
    """A talk, and the broker's side of it."""

    def __init__(self, *filters: str) -> None:
        self.warnings: list[str] = []
        self.heard: list[tuple[str, bytes | None]] = []
        self.begun = 0
        self.talk = Talk(256, self.warnings.append)
        self.talk.began = self.began
        for one in filters:
            self.talk.subscribe(one, self.hear)

    def began(self) -> None:
        self.begun += 1

    def hear(self, topic: str, payload: memoryview | None) -> None:
        self.heard.append((topic, payload and bytes(payload)))

    def connect(self, *, kept: bool = False) -> list[bytes]:
        """Return what is sent at once in a new connection."""
        self.talk.dialled()
        self.reader = mqtt.Reader(self.talk.inbox)
        self.talk.opened(kept)
        return self.sent()

    def sent(self) -> list[bytes]:
        frames = []
        while (frame := self.talk.next_frame(5)) is not None:
            frames.append(frame)
        return frames

    def answer(self, packet: bytes) -> list[bytes]:
        """Return what is sent after `packet` came."""
        self.reader.feed(packet)
        return self.sent()


def test_filters_are_asked_for_eight_at_a_time_and_then_it_begins() -> None:
    line = Line(*[f"t/{number}" for number in range(10)])
    (first,) = line.connect()
    assert (first[0], first[2:4], first.count(b"t/"), first[-1]) == (0x82, b"\xff\xff", 8, 1)
    assert line.talk.asked_at_ms == 5
    (second,) = line.answer(b"\x90\x0a\xff\xff" + b"\x01" * 8)
    assert second.count(b"t/") == 2
    assert not line.begun
    assert line.answer(b"\x90\x04\xff\xff\x01\x01") == []
    assert (line.begun, line.talk.asked_at_ms) == (1, None)


def test_a_kept_session_keeps_its_subscriptions_and_a_forgotten_one_asks_again() -> None:
    line = Line("t/#")
    assert line.connect(kept=True), "this start has not asked yet"
    line.answer(GRANTED)
    assert line.connect(kept=True) == []
    assert line.begun == 2
    assert len(line.connect(kept=False)) == 1
    line.answer(GRANTED)
    assert line.begun == 3


def test_a_filter_that_comes_later_is_asked_for_too() -> None:
    line = Line("t/#")
    line.connect()
    line.answer(GRANTED)
    line.talk.subscribe("u/#", line.hear)
    (asked,) = line.sent()
    assert b"u/#" in asked
    assert b"t/#" not in asked
    line.talk.subscribe("u/#", line.hear)
    assert line.answer(GRANTED) == []


def test_a_message_reaches_its_handler_and_is_acknowledged_after() -> None:
    line = Line("a/b", "c/+/d", "e/#")
    line.connect()
    line.answer(b"\x90\x05\xff\xff\x01\x01\x01")
    assert line.answer(publish_packet("c/1/d", b"x", 0x1234)) == [b"\x40\x02\x12\x34"]
    assert line.answer(publish_packet("e/f", b"y")) == []
    assert line.answer(publish_packet("z", b"old subscription", 2)) == [b"\x40\x02\x00\x02"]
    assert line.answer(publish_packet("a/b", b"z" * 1_000, 3)) == [b"\x40\x02\x00\x03"]
    assert line.heard == [("c/1/d", b"x"), ("e/f", b"y"), ("a/b", None)]
    assert line.talk.dropped == 1


def test_a_handler_that_fails_ends_neither_link_nor_message() -> None:
    def fail(_topic: str, _payload: memoryview | None) -> None:
        raise KeyError("state")

    line = Line()
    line.talk.subscribe("t", fail)
    line.connect()
    line.answer(GRANTED)
    assert line.answer(publish_packet("t", b"{}", 9)) == [b"\x40\x02\x00\x09"]
    assert line.answer(publish_packet("\x00", b"{}")) == []
    assert line.warnings == ["message failed topic=b't': KeyError('state')"]


def test_messages_wait_in_a_bounded_queue_and_end_with_their_connection() -> None:
    line = Line()
    assert not line.talk.publish("t", "too early")
    line.connect()
    for number in range(talk.FRAMES_MAX):
        assert line.talk.publish("t", str(number))
    assert not line.talk.publish("t", "one too many")
    assert line.talk.dropped == 2
    assert line.sent()[0] == publish_packet("t", b"0")
    line.talk.publish("t", "x")
    assert line.connect() == []


def test_acknowledgements_are_bounded_and_the_rest_comes_again() -> None:
    line = Line("t")
    line.connect()
    line.answer(GRANTED)
    for number in range(1, talk.ACKS_MAX + 3):
        line.reader.feed(publish_packet("t", b"", number))
    assert len(line.sent()) == len(line.heard) == talk.ACKS_MAX
    assert line.talk.dropped == 2


def test_a_refused_filter_is_told_and_the_rest_goes_on() -> None:
    line = Line("t")
    line.connect()
    line.answer(REFUSED)
    assert (line.warnings, line.begun) == (["subscription refused: t"], 1)


def test_a_broker_that_hangs_up_on_subscribing_is_not_asked_each_time() -> None:
    line = Line("t")
    asked = [bool(line.connect()) for _ in range(2 * talk.TRY_EVERY + 1)]
    assert sum(asked) == talk.REFUSALS_MAX + 2
    assert asked[: talk.REFUSALS_MAX] == [True] * talk.REFUSALS_MAX
    assert not line.begun
    while not line.connect():
        pass
    line.answer(GRANTED)
    assert line.begun == 1
    assert line.connect(), "it is asked again after each loss"


@pytest.mark.parametrize("packet", ["90 03 00 01 01", "90 02 ff ff", "90 04 ff ff 01 01"])
def test_a_grant_of_what_was_not_asked_is_an_error_of_the_link(packet: str) -> None:
    line = Line("t")
    line.connect()
    with pytest.raises(LinkError):
        line.reader.feed(bytes.fromhex(packet))
