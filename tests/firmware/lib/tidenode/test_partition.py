"""A board whose flash has a partition for the outbox: the ring below the whole agent."""

import random

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import Faults
from tidectl.board_state import board_state
from tidectl.firmware_image import BLOCK_BYTES
from tidectl.simulated_board import outbox_partition, save_partition

KILLS = 5
SEED = 7


def test_power_cuts_lose_nothing_the_ring_took(bench: Bench) -> None:
    bench.broker.misbehave(Faults(seed=SEED, cut=0.05, drop_puback=0.05))
    bench.broker.resume()
    image = bench.image(partition_blocks=16)
    accepted = bench.cut_again_and_again(image, random.Random(SEED), kills=KILLS)
    board = bench.board(image)
    bench.wait_for_boot(KILLS + 1)
    stats = bench.end(board)
    assert stats.boot == KILLS + 1
    bench.assert_whole(stats, accepted=accepted)
    assert outbox_partition(image).read_bytes()[:2] == b"GT"


def test_on_a_ring_each_batch_is_durable_at_once_whatever_files_would_gather(bench: Bench) -> None:
    outbox = {"sync_batches": 64, "sync_age_ms": 3_600_000}
    batch = {"samples_max": 20, "age_ms_max": 60_000}
    board = bench.board(bench.image(partition_blocks=16, outbox=outbox, batch=batch))
    stats = board.wait_for(lambda stats: stats.sampled >= 100, LATE_S_MAX)
    assert stats.accepted >= 80
    assert stats.queued_batches >= 4


def test_a_full_ring_drops_the_oldest_and_counts_them_over_reboots(bench: Bench) -> None:
    image = bench.image(partition_blocks=4, batch={"samples_max": 1})  # many, soon
    board = bench.board(image, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.dropped > 0, LATE_S_MAX)
    first = bench.end(board)
    assert first.accepted == first.sampled
    state = board_state(image)
    assert state
    assert state.queued_batches == first.queued_batches
    bench.broker.resume()
    last = bench.end_when_connected(bench.board(image))
    assert last.dropped >= first.dropped
    arrived = sum(len(batch.times_ms) for batch in bench.batches())
    assert arrived + last.dropped == first.accepted + last.accepted
    sequences = [batch.sequence for batch in bench.batches()]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def test_what_waited_in_files_goes_out_of_the_ring(bench: Bench) -> None:
    image = bench.image()
    board = bench.board(image, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.queued_batches >= 3, LATE_S_MAX)
    first = bench.end(board)
    bench.broker.resume()
    save_partition(image, 16 * BLOCK_BYTES)
    board = bench.board(image)
    bench.wait_for_batches(first.queued_batches + 3)
    bench.assert_whole(bench.end(board), accepted=first.accepted)


def test_after_an_orderly_end_nothing_waits_and_nothing_comes_again(bench: Bench) -> None:
    bench.broker.resume()
    image = bench.image(partition_blocks=16)
    for start in (1, 2):
        board = bench.board(image)
        bench.wait_for_batches(5)
        stats = bench.end(board)
        state = board_state(image)
        assert state
        assert (stats.boot, state.queued_batches) == (start, 0)
    batches = bench.batches()
    assert len(bench.broker.received) == len(batches) == batches[-1].sequence + 1


def test_an_end_that_waits_for_nobody_as_a_restart_leaves_what_was_not_acknowledged(
    bench: Bench,
) -> None:
    """At most a window of it; all that was acknowledged is in the one block begun so far."""
    bench.broker.resume()
    image = bench.image(partition_blocks=16)
    board = bench.board(image, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.acknowledged >= 200, LATE_S_MAX)
    stats = bench.end(board)
    state = board_state(image)
    assert state
    assert stats.queued_batches <= state.queued_batches <= 16
