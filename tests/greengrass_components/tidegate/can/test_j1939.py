"""J1939 identifiers and transfers, as SAE J1939-21 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.can.j1939 import (
    PAUSE_NS_MAX,
    SESSIONS_MAX,
    Assembler,
    Identifier,
    identifier_of,
    packets_of,
)

MS = 1_000_000


@pytest.mark.parametrize(
    ("frame_id", "expected"),
    [
        # Engine speed (EEC1) of engine 1, and a request of 65259 from a tool to everyone.
        (0x0CF00400, Identifier(3, 0xF004, 0x00, 0xFF)),
        (0x18EAFFF9, Identifier(6, 0xEA00, 0xF9, 0xFF)),
        (0x18EF2A1C, Identifier(6, 0xEF00, 0x1C, 0x2A)),
        (0x19F10D03, Identifier(6, 0x1F10D, 0x03, 0xFF)),  # NMEA 2000: data page 1
    ],
)
def test_known_identifiers_are_taken_apart_and_put_together(
    frame_id: int, expected: Identifier
) -> None:
    assert identifier_of(frame_id) == expected
    assert expected.frame_id == frame_id


@given(st.integers(0, (1 << 29) - 1))
def test_every_identifier_comes_back(frame_id: int) -> None:
    assert identifier_of(frame_id).frame_id == frame_id


@given(st.binary(min_size=9, max_size=1785), st.integers(0, 253))
def test_a_long_group_is_put_together_from_its_broadcast(data: bytes, source: int) -> None:
    assembler = Assembler()
    wanted = Identifier(7, 0xFECA, source, 0xFF)
    groups = [
        group
        for number, (frame_id, packet) in enumerate(packets_of(wanted, data))
        if (group := assembler.take(frame_id, packet, number * 50 * MS))
    ]
    assert [(group.identifier, group.data) for group in groups] == [(wanted, data)]


def test_transfers_of_two_senders_may_interleave() -> None:
    assembler = Assembler()
    data = {1: bytes(range(30)), 2: bytes(range(100, 130))}
    frames = [packets_of(Identifier(7, 0xFEE3, source, 0xFF), data[source]) for source in (1, 2)]
    done = {}
    for pair in zip(*frames, strict=True):
        for frame_id, packet in pair:
            if group := assembler.take(frame_id, packet, 0):
                done[group.identifier.source] = group.data
    assert done == data


def test_a_transfer_between_two_others_is_heard() -> None:
    assembler = Assembler()
    rts = Identifier(7, 0xEC00, 0x10, 0x20).frame_id
    cts = Identifier(7, 0xEC00, 0x20, 0x10).frame_id
    dt = Identifier(7, 0xEB00, 0x10, 0x20).frame_id
    assembler.take(rts, bytes([16, 9, 0, 2, 2, 0xCA, 0xFE, 0]), 0)
    assembler.take(cts, bytes([17, 2, 1, 255, 255, 0xCA, 0xFE, 0]), 0)
    assert assembler.take(dt, bytes([1, 1, 2, 3, 4, 5, 6, 7]), 0) is None
    group = assembler.take(dt, bytes([2, 8, 9, 255, 255, 255, 255, 255]), 0)
    assert group is not None
    assert group.identifier == Identifier(7, 0xFECA, 0x10, 0x20)
    assert group.data == bytes(range(1, 10))


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_packet_drops_the_transfer_and_counts_it(lost: int) -> None:
    assembler = Assembler()
    frames = packets_of(Identifier(7, 0xFECA, 1, 0xFF), bytes(40))
    del frames[lost]
    assert not any(assembler.take(frame_id, packet, 0) for frame_id, packet in frames)
    assert assembler.broken == 1


def test_a_pause_drops_the_transfer() -> None:
    assembler = Assembler()
    head, first, *_ = packets_of(Identifier(7, 0xFECA, 1, 0xFF), bytes(20))
    assembler.take(*head, 0)
    assert assembler.take(*first, PAUSE_NS_MAX + 1) is None
    assert assembler.broken == 1


def test_an_abort_ends_the_transfer_from_either_end() -> None:
    for end in ((1, 0x20), (0x20, 1)):
        assembler = Assembler()
        assembler.take(Identifier(7, 0xEC00, 1, 0x20).frame_id, bytes([16, 9, 0, 2, 2, 1, 2, 0]), 0)
        assembler.take(Identifier(7, 0xEC00, *end).frame_id, bytes([255, 1, 0, 0, 0, 1, 2, 0]), 0)
        assert assembler.broken == 1


def test_an_announcement_that_does_not_add_up_is_malformed() -> None:
    assembler = Assembler()
    cm = Identifier(7, 0xEC00, 1, 0xFF).frame_id
    for data in (
        bytes([32, 40, 0, 9, 255, 0xCA, 0xFE, 0]),
        bytes([32, 5, 0, 1, 255, 0xCA, 0xFE, 0]),
        b"",
    ):
        assembler.take(cm, data, 0)
    assert assembler.malformed == 3


def test_too_many_transfers_displace_the_oldest() -> None:
    assembler = Assembler()
    for number in range(SESSIONS_MAX + 3):
        pair = Identifier(7, 0xEC00, number % 254, number // 254)
        assembler.take(pair.frame_id, bytes([16, 9, 0, 2, 2, 0xCA, 0xFE, 0]), 0)
    assert assembler.displaced == 3


@given(st.lists(st.tuples(st.integers(0, (1 << 29) - 1), st.binary(max_size=8)), max_size=50))
def test_random_frames_break_nothing(frames: list[tuple[int, bytes]]) -> None:
    assembler = Assembler()
    for frame_id, data in frames:
        assembler.take(frame_id, data, 0)
