"""The whole agent on the real VM: power cuts, a full outbox, orderly ends, a heap that holds."""

import random
from collections import Counter
from typing import Any

import psutil
import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, SETTINGS, Bench
from tests.firmware.lib.tidenode.broker import Faults

KILLS = 8
SEEDS = [5, 6]
RECONNECTS = 60
HEAP_DRIFT_BYTES_MAX = 1_024
RSS_DRIFT_BYTES_MAX = 512 * 1024
FULL_BATCHES = 4
# A batch of each measurement at its largest, as often as a test can wait for.
LARGEST: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 10},
        {"name": "health", "driver": "chip", "period_ms": 10},
    ],
    "batch": {"age_ms_max": 10_000},
}


@pytest.mark.parametrize("seed", SEEDS)
def test_power_cuts_at_random_moments_lose_nothing_the_outbox_took(bench: Bench, seed: int) -> None:
    """The broker cuts and forgets acknowledgements as well; the image is what goes on."""
    bench.broker.misbehave(Faults(seed=seed, cut=0.05, drop_puback=0.05))
    bench.broker.resume()
    image = bench.image()
    accepted = bench.cut_again_and_again(image, random.Random(seed), kills=KILLS)
    board = bench.board(image)
    bench.wait_for_boot(KILLS + 1)
    stats = bench.end(board)
    assert stats.boot == KILLS + 1
    bench.assert_whole(stats, accepted=accepted)
    batches = bench.batches()
    boots = [batch.boot for batch in batches]
    assert boots == sorted(boots), f"seed {seed}"
    assert set(boots) == set(range(1, KILLS + 2)), f"seed {seed}"


def test_power_cuts_without_a_network_lose_nothing_the_outbox_took(bench: Bench) -> None:
    image = bench.image()
    accepted = 0
    for _ in range(4):
        board = bench.board(image)
        accepted += board.wait_for(lambda stats: stats.accepted > 0, LATE_S_MAX).accepted
        board.kill()
        board.wait()
    bench.broker.resume()
    board = bench.board(image)
    bench.wait_for_batches(5)
    bench.assert_whole(bench.end(board), accepted=accepted)


def test_a_full_outbox_drops_the_oldest_and_counts_them_over_reboots(bench: Bench) -> None:
    image = bench.image(outbox={"bytes_max": 8_192, "sync_batches": 1})
    board = bench.board(image, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.dropped > 0, LATE_S_MAX)
    first = bench.end(board)
    assert first.queued_batches == 2
    assert first.accepted == first.sampled
    again = bench.board(image, drain_timeout_ms=0)
    assert again.wait_for(lambda _: True, LATE_S_MAX).dropped >= first.dropped
    second = bench.end(again)
    bench.broker.resume()
    last = bench.end_when_connected(bench.board(image))
    arrived = Counter(batch.boot for batch in bench.batches() for _ in batch.times_ms)
    assert last.queued_batches == 0
    assert arrived.total() + last.dropped == first.accepted + second.accepted + last.accepted
    sequences = [batch.sequence for batch in bench.batches()]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert sequences[0] > 0


def test_an_end_without_a_network_keeps_the_rest_for_the_next_start(bench: Bench) -> None:
    image = bench.image()
    board = bench.board(image, drain_timeout_ms=200)
    board.wait_for(lambda stats: stats.queued_batches >= 2, LATE_S_MAX)
    first = bench.end(board)
    assert first.acknowledged == 0
    bench.broker.resume()
    last = bench.end_when_connected(bench.board(image))
    assert sum(len(batch.times_ms) for batch in bench.batches()) == first.accepted + last.accepted
    bench.assert_whole(last, accepted=first.accepted)


def test_a_board_whose_caller_is_gone_ends_in_good_order(bench: Bench) -> None:
    """Its stdin ends with the caller; nobody has to ask."""
    bench.broker.resume()
    board = bench.board()
    bench.wait_for_batches(2)
    board.interrupt()
    assert board.wait() == 0


def test_batches_of_the_largest_size_fit_into_the_heap(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(**LARGEST)
    bench.wait_for_batches(2 * FULL_BATCHES)
    stats = bench.end(board)
    sizes = [len(batch.times_ms) for batch in bench.batches()]
    assert sizes.count(60) >= 2 * FULL_BATCHES
    assert (stats.dropped, stats.acknowledged) == (0, stats.sampled), bench.log()


def test_the_heap_holds_over_many_reconnects(bench: Bench) -> None:
    bench.broker.misbehave(Faults(seed=1, cut=0.5))
    bench.broker.resume()
    health = {"name": "health", "driver": "chip", "period_ms": 10}
    link = SETTINGS["link"] | {"retry_delay_ms_max": 10}
    board = bench.board(measurements=[health], link=link)
    bench.wait_for_connects(RECONNECTS // 3)
    resident_bytes = psutil.Process(board.pid).memory_info().rss
    bench.wait_for_connects(RECONNECTS)
    grown_bytes = psutil.Process(board.pid).memory_info().rss - resident_bytes
    bench.broker.misbehave(Faults())
    bench.assert_whole(bench.end(board))
    used = [
        value
        for batch in bench.batches()
        for column in batch.columns
        if column.name == "heap_used_bytes"
        for value in column.values
    ]
    # Garbage comes and goes: the least of many samples is what is held, but for those few that
    # were taken between two connections.
    quarter = len(used) // 4
    early, late = (
        sorted(some)[len(some) // 20] for some in (used[quarter : 2 * quarter], used[2 * quarter :])
    )
    assert late - early < HEAP_DRIFT_BYTES_MAX, (early, late)
    assert grown_bytes < RSS_DRIFT_BYTES_MAX  # TLS lives there
