"""A board that starts without the time samples at once; nothing goes out with a wrong year."""

from itertools import pairwise

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.time_server import TimeServer
from tidenode.clock import FLOOR_MS

PERIOD_MS = 100
ERROR_MS_MAX = 50
MEASUREMENTS = [
    {"name": "climate", "driver": "bme280", "period_ms": PERIOD_MS},
    {"name": "health", "driver": "chip", "period_ms": PERIOD_MS},
]
BATCH = {"age_ms_max": 1_000}


def clock(port: int) -> dict[str, object]:
    return {"sntp_host": "127.0.0.1", "sntp_port": port}


def test_what_a_cold_board_sampled_before_it_knew_the_time_arrives_with_its_true_time(
    bench: Bench,
) -> None:
    bench.broker.resume()
    with TimeServer(unknowing=1) as server:
        board = bench.board(
            cold=True, measurements=MEASUREMENTS, batch=BATCH, clock=clock(server.port)
        )
        bench.wait_for_batches(14)
        stats = bench.end(board)
        learned_at_ms = server.answered_at_ms[0]
    assert bench.log().count("no time yet") == 1
    batches = bench.batches()
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    assert (stats.dropped, stats.accepted, stats.acknowledged) == (0, stats.sampled, stats.sampled)
    for name in ("climate", "health"):
        times_ms = [t for batch in batches if batch.measurement == name for t in batch.times_ms]
        assert times_ms == sorted(set(times_ms))
        assert sum(time_ms < learned_at_ms for time_ms in times_ms) >= 40  # of five seconds
        # One grid over the moment of the answer: none of them is where the other are not.
        gaps_ms = [after - before for before, after in pairwise(times_ms)]
        off_grid_ms = [abs(gap_ms - round(gap_ms / PERIOD_MS) * PERIOD_MS) for gap_ms in gaps_ms]
        assert sorted(off_grid_ms)[len(off_grid_ms) * 9 // 10] <= ERROR_MS_MAX
    assert all(time_ms > FLOOR_MS for batch in batches for time_ms in batch.times_ms)


def test_a_cold_board_that_is_stopped_before_it_knows_counts_what_it_has(bench: Bench) -> None:
    bench.broker.resume()
    with TimeServer(unknowing=1_000) as server:
        image = bench.image(measurements=MEASUREMENTS, batch=BATCH, clock=clock(server.port))
        board = bench.board(image, cold=True, drain_timeout_ms=0)
        board.wait_for(lambda stats: stats.sampled >= 30, LATE_S_MAX)
        stats = bench.end(board)
    assert (stats.accepted, stats.queued_batches, stats.connects) == (0, 0, 0)
    assert stats.dropped == stats.sampled
    assert bench.broker.received == []


def test_a_cold_board_with_nobody_to_ask_sends_nothing(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(cold=True, measurements=MEASUREMENTS, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.sampled >= 10, LATE_S_MAX)
    stats = bench.end(board)
    assert (bench.broker.received, stats.connects) == ([], 0)
    assert "nothing is sent" in bench.log()
