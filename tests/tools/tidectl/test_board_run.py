"""A board that is kept going: asleep, reset, cut off; real processes on one flash image."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, SETTINGS, Bench
from tests.line.line import wait_until
from tidectl.board_run import BoardRun
from tidectl.simulated_board import SimulatedBoard

WAKES_PER_UPLOAD = 3
SLEEPING: dict[str, Any] = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 60_000}],
    "sleep": {"period_s": 60, "wakes_per_upload": WAKES_PER_UPLOAD, "upload_timeout_s": 10},
}
HURRY = 1_000.0
DRAIN_TIMEOUT_MS = 1_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as bench:
        bench.broker.resume()
        yield bench


def run_on(bench: Bench, **settings: Any) -> tuple[SimulatedBoard, BoardRun]:
    image = bench.image(**settings)
    board = SimulatedBoard(image, log_path=bench.log_path, drain_timeout_ms=DRAIN_TIMEOUT_MS)
    run = BoardRun(board, image, sleep_divisor=HURRY)
    run.start()
    return board, run


def test_a_board_that_sleeps_wakes_by_itself_and_at_the_end_sends_what_it_holds(
    bench: Bench,
) -> None:
    _, run = run_on(bench, **SLEEPING)
    wait_until("seven starts", lambda: run.starts >= 2 * WAKES_PER_UPLOAD + 1, within_s=LATE_S_MAX)
    run.end()
    assert run.wait(LATE_S_MAX)
    assert run.failure == ""
    batches = bench.batches()
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    # The first start had nothing, the last sampled nothing; every other is a sample.
    samples = sum(len(batch.times_ms) for batch in batches)
    assert samples == run.totals.accepted == run.totals.acknowledged == run.starts - 2
    assert samples >= 2 * WAKES_PER_UPLOAD - 1


def test_a_board_that_its_watchdog_resets_starts_again_and_is_counted_as_one(bench: Bench) -> None:
    board, run = run_on(bench)
    bench.wait_for_batches(2)
    os.kill(board.pid, signal.SIGUSR2)
    wait_until("another start", lambda: run.starts == 2, within_s=LATE_S_MAX)
    bench.wait_for_batches(2)
    run.end()
    assert run.wait(LATE_S_MAX)
    assert run.failure == ""
    assert run.stats
    assert run.stats.boot == 2
    assert run.stats.final
    bench.assert_whole(run.stats, accepted=run.totals.accepted - run.stats.accepted)


def test_a_board_that_is_reset_while_it_is_to_end_ends_all_the_same(bench: Bench) -> None:
    board, run = run_on(bench)
    bench.wait_for_batches(1)
    bench.broker.pause()  # so that it is not done at once: it has something to send
    board.wait_for(lambda stats: stats.queued_batches > 1 and not stats.connected, LATE_S_MAX)
    pid = board.pid
    run.end()
    os.kill(pid, signal.SIGUSR2)
    assert run.wait(LATE_S_MAX)
    assert run.failure == ""
    assert run.starts == 2


def test_a_board_that_ends_by_itself_is_a_failure_with_its_last_words(bench: Bench) -> None:
    board, run = run_on(bench)
    bench.wait_for_batches(1)
    board.kill()
    assert run.wait(LATE_S_MAX)
    assert "the board ended with code -9" in run.failure


def test_a_cut_ends_a_board_that_sleeps_at_once(bench: Bench) -> None:
    sleep = SLEEPING["sleep"] | {"period_s": 86_400}
    _, run = run_on(bench, **(SETTINGS | SLEEPING | {"sleep": sleep}))
    wait_until("it sleeps", lambda: run.asleep, within_s=LATE_S_MAX)
    run.cut()
    assert run.wait(LATE_S_MAX)
    assert run.starts == 1
