"""Publishing on the real VM through what brokers and networks do wrong; nothing is lost."""

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, SETTINGS, Bench, distinct
from tests.firmware.lib.tidenode.broker import Faults
from tidewire import decode

SEEDS = [3, 4]
UNACKNOWLEDGED = 3


def test_a_broker_that_is_down_at_boot_gets_everything_later(bench: Bench) -> None:
    board = bench.board()
    board.wait_for(lambda stats: stats.queued_batches >= 5, LATE_S_MAX)
    bench.wait_for_log("link failed attempt=4: ")
    bench.broker.resume()
    bench.wait_for_batches(10)
    bench.assert_whole(bench.end(board))


def test_a_broker_that_goes_away_gets_everything_when_it_is_back(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board()
    for _ in range(3):
        bench.wait_for_batches(4)
        bench.broker.pause()
        board.wait_for(lambda stats: not stats.connected and stats.queued_batches, LATE_S_MAX)
        bench.broker.resume()
    bench.wait_for_batches(4)
    stats = bench.end(board)
    assert stats.connects == 4
    bench.assert_whole(stats)


def unacknowledged(bench: Bench) -> None:
    """Let three publishes fly in the first connection, then cut it and acknowledge again."""
    bench.broker.faults.acknowledge = False
    bench.wait_for_batches(UNACKNOWLEDGED)
    bench.broker.faults.acknowledge = True
    bench.broker.cut()
    bench.wait_for_connects(2)
    bench.wait_for_batches(UNACKNOWLEDGED + 1)


def test_a_kept_session_gets_the_same_packet_ids_again_marked_as_duplicates(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board()
    unacknowledged(bench)
    first = [publish for publish in bench.broker.received if publish.connection == 1]
    again = [publish for publish in bench.broker.received if publish.connection == 2]
    assert len(first) >= UNACKNOWLEDGED
    for before, after in zip(first, again, strict=False):
        assert (after.packet_id, after.payload) == (before.packet_id, before.payload)
        assert (before.duplicate, after.duplicate) == (False, True)
    # What was never sent follows, under an id that is not in flight.
    assert not again[len(first)].duplicate
    assert again[len(first)].packet_id == first[-1].packet_id + 1
    bench.assert_whole(bench.end(board))


def test_a_forgotten_session_is_published_again_as_new(bench: Bench) -> None:
    bench.broker.faults.forget_sessions = True
    bench.broker.resume()
    board = bench.board()
    unacknowledged(bench)
    first = [publish for publish in bench.broker.received if publish.connection == 1]
    again = [publish for publish in bench.broker.received if publish.connection == 2]
    assert [publish.payload for publish in again[: len(first)]] == [
        publish.payload for publish in first
    ]
    assert not any(publish.duplicate for publish in bench.broker.received)
    bench.assert_whole(bench.end(board))


def test_a_window_bounds_what_flies(bench: Bench) -> None:
    bench.broker.faults.acknowledge = False
    bench.broker.resume()
    link = SETTINGS["link"] | {"window": 4, "ack_timeout_ms": 60_000}
    board = bench.board(link=link)
    board.wait_for(lambda stats: stats.queued_batches >= 12, LATE_S_MAX)
    assert len(bench.broker.received) == 4
    bench.broker.faults.acknowledge = True
    bench.broker.cut()
    bench.wait_for_batches(12)
    bench.assert_whole(bench.end(board))


@pytest.mark.parametrize("seed", SEEDS)
def test_lost_acknowledgements_cost_time_and_nothing_else(bench: Bench, seed: int) -> None:
    bench.broker.misbehave(Faults(seed=seed, drop_puback=0.2))
    bench.broker.resume()
    board = bench.board(link=SETTINGS["link"] | {"ack_timeout_ms": 500})
    bench.wait_for_connects(3)
    bench.wait_for_batches(20)
    stats = bench.end(board)
    assert any(publish.duplicate for publish in bench.broker.received)
    bench.assert_whole(stats)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("forget_sessions", [False, True], ids=["kept", "forgotten"])
def test_random_cuts_cost_nothing(bench: Bench, seed: int, forget_sessions: bool) -> None:
    bench.broker.misbehave(
        Faults(seed=seed, cut=0.2, drop_puback=0.1, forget_sessions=forget_sessions)
    )
    bench.broker.resume()
    board = bench.board(link=SETTINGS["link"] | {"ack_timeout_ms": 500})
    bench.wait_for_connects(12)
    stats = bench.end(board)
    assert stats.connects >= 12
    bench.assert_whole(stats)


def test_late_acknowledgements_keep_the_window_moving(bench: Bench) -> None:
    bench.broker.misbehave(Faults(puback_delay_s=0.3))
    bench.broker.resume()
    board = bench.board()
    bench.wait_for_batches(20)
    stats = bench.end(board)
    assert stats.connects == 1
    assert len(distinct(bench.broker.received)) == len(bench.broker.received)
    bench.assert_whole(stats)


IDLE = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 86_400_000}],
    "link": SETTINGS["link"] | {"keepalive_s": 5, "ack_timeout_ms": 500},
}


def test_an_idle_board_pings_and_stays(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(**IDLE)
    assert bench.broker.wait_for(lambda: bench.broker.pings >= 2, LATE_S_MAX)
    assert bench.end(board).connects == 1


def test_a_broker_that_fell_silent_is_noticed_by_its_missing_pong(bench: Bench) -> None:
    bench.broker.faults.answer_pings = False
    bench.broker.resume()
    bench.board(**IDLE)
    bench.wait_for_connects(2)
    assert bench.broker.pings >= 1
    assert "no answer from the broker" in bench.log()


def test_a_broker_that_refuses_the_greeting_is_asked_again(bench: Bench) -> None:
    bench.broker.faults.connack_code = 5
    bench.broker.resume()
    board = bench.board()
    bench.wait_for_connects(4)
    assert "broker refused: not authorized (5)" in bench.log()
    assert bench.broker.received == []
    bench.broker.faults.connack_code = 0
    bench.wait_for_batches(5)
    bench.assert_whole(bench.end(board))


def test_a_server_that_accepts_and_says_nothing_is_given_up(bench: Bench) -> None:
    bench.broker.faults.greet = False
    bench.broker.resume()
    board = bench.board(link=SETTINGS["link"] | {"connect_timeout_ms": 500})
    bench.wait_for_connects(3)
    assert "TimeoutError" in bench.log()
    bench.broker.faults.greet = True
    bench.wait_for_batches(5)
    bench.assert_whole(bench.end(board))


def test_measurements_go_out_in_one_sequence(bench: Bench) -> None:
    bench.broker.resume()
    measurements = [
        *SETTINGS["measurements"],
        {"name": "health", "driver": "chip", "period_ms": 20},
    ]
    board = bench.board(measurements=measurements)
    bench.wait_for_batches(20)
    stats = bench.end(board)
    batches = bench.batches()
    assert {batch.measurement for batch in batches} == {"climate", "health"}
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    assert sum(len(batch.times_ms) for batch in batches) == stats.acknowledged == stats.accepted
    for publish in bench.broker.received:
        assert publish.topic.endswith("/" + decode(publish.payload).measurement)
