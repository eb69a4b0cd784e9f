"""Packet ids name one flight each, in order, for ever."""

from hypothesis import given
from hypothesis import strategies as st

from tidenode.entry import Entry
from tidenode.window import Window


def entry(sequence: int) -> Entry:
    return Entry(sequence, 1, 100, "climate")


@given(st.integers(1, 8), st.lists(st.integers(-1, 9), max_size=60))
def test_a_window_does_as_a_list_does(size: int, steps: list[int]) -> None:
    window, flying, times_ms = Window(size), list[tuple[int, Entry]](), dict[int, int]()
    for now_ms, step in enumerate(steps):
        if step < 0 and not window.full:
            packet_id = window.send(entry(now_ms), now_ms)
            assert packet_id not in times_ms
            assert 1 <= packet_id <= 65_534
            flying.append((packet_id, entry(now_ms)))
            times_ms[packet_id] = now_ms
        elif step >= len(flying):
            assert window.acknowledge(60_000 + step) is None
        elif step >= 0:
            packet_id, carried = flying.pop(step)
            del times_ms[packet_id]
            assert window.acknowledge(packet_id) == carried
            assert window.acknowledge(packet_id) is None
        assert window.in_flight() == flying
        assert len(window) == len(flying)
        assert window.full == (len(flying) == size)
        assert window.oldest_sent_at_ms() == min(times_ms.values(), default=None)


def test_ids_go_round_and_skip_those_in_flight() -> None:
    window = Window(3)
    first, second = window.send(entry(0), 0), window.send(entry(1), 0)
    assert (first, second) == (1, 2)
    window.acknowledge(first)
    for sequence in range(2, 65_534):
        assert window.send(entry(sequence), 0) == sequence + 1
        window.acknowledge(sequence + 1)
    assert window.send(entry(65_534), 0) == 1  # behind 65,534 comes 1; 0 is no id
    assert window.send(entry(65_535), 0) == 3  # 2 still flies
    assert [packet_id for packet_id, _ in window.in_flight()] == [2, 1, 3]


def test_a_publish_sent_again_waits_from_then_on() -> None:
    window = Window(2)
    first, second = window.send(entry(0), 10), window.send(entry(1), 20)
    window.sent_again(first, 500)
    assert window.oldest_sent_at_ms() == 20
    window.acknowledge(second)
    assert window.oldest_sent_at_ms() == 500


def test_a_cleared_window_is_empty_and_goes_on_counting() -> None:
    window = Window(1)
    window.send(entry(0), 0)
    window.clear()
    assert not window.full
    assert window.in_flight() == []
    assert window.oldest_sent_at_ms() is None
    assert window.acknowledge(1) is None
    assert window.send(entry(1), 0) == 2
