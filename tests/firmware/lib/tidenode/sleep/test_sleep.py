"""A board that sleeps: process after process on one image, as wakes on one flash."""

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.lib.tidenode.bench import Bench
from tests.firmware.lib.tidenode.broker import Faults
from tests.firmware.lib.tidenode.image_files import change_files
from tests.firmware.lib.tidenode.time_server import TimeServer
from tests.firmware.lib.tidenode.truth import with_truth
from tidectl.firmware_image import compiled_text
from tidectl.simulated_board import (
    DEEPSLEEP_EXIT_CODE,
    WATCHDOG_EXIT_CODE,
    SimulatedBoard,
)

WAKES_PER_UPLOAD = 5
WAKES = 50  # on each storage
SEED = 3
SLEEPING: dict[str, Any] = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 1_000}],
    "sleep": {"period_s": 1, "wakes_per_upload": WAKES_PER_UPLOAD, "upload_timeout_s": 10},
}
WAKE_S_MAX = 30.0
WATCHDOG_S = 2
AWAITING = """
import asyncio
FIELDS = (("measured", 0),)
OPTIONS = ()
class Chip:
    measured = 0
    async def measure(self):
        await asyncio.sleep_ms(5)
        self.measured += 1
    def read(self):
        return (self.measured,)
def create(options, hardware):
    return Chip()
"""
# No connection is made for this reason.
FAILING = """
real = asyncio.wait_for_ms
async def starved(coroutine, timeout_ms):
    if timeout_ms == 20_000:  # `link.connect_timeout_ms`
        raise %s
    return await real(coroutine, timeout_ms)
asyncio.wait_for_ms = starved
"""
# The partition takes a block's head and one record.
STARVING_FLASH = """
import flash
writes = 0
real_write = flash.Flash.writeblocks
def write(self, *arguments):
    global writes
    if self.ioctl(4, 0) == 16:  # blocks
        writes += 1
        if writes > 3:
            raise MemoryError
    return real_write(self, *arguments)
flash.Flash.writeblocks = write
"""
LARGE = """
FIELDS = (("uptime_s", 0),)
OPTIONS = ()
class Chip:
    def read(self):
        return (1 << 62,)
def create(options, hardware):
    return Chip()
"""
HANGING = """
FIELDS = (("level", 0),)
OPTIONS = ()
class Chip:
    def read(self):
        while True:
            pass
def create(options, hardware):
    return Chip()
"""
ERROR_MS_MAX = 50


def woken(board: SimulatedBoard) -> int:
    board.start()
    return board.wait(WAKE_S_MAX)


def received(bench: Bench) -> list[int]:
    """Return the times that arrived; the sequence has no hole, and no time is there twice."""
    batches = bench.batches()
    assert [batch.sequence for batch in batches] == list(range(len(batches))), bench.log()
    times_ms = [time_ms for batch in batches for time_ms in batch.times_ms]
    assert times_ms == sorted(set(times_ms))
    return times_ms


def test_each_wake_is_a_sample_and_every_fifth_an_upload(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(**SLEEPING)
    assert board.wait(WAKE_S_MAX) == DEEPSLEEP_EXIT_CODE, bench.log()  # cold: nothing to send
    for wake in range(1, 2 * WAKES_PER_UPLOAD + 1):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
        assert len(received(bench)) == wake // WAKES_PER_UPLOAD * WAKES_PER_UPLOAD


def test_a_sensor_that_is_not_there_is_a_sample_of_each_wake_where_that_is_asked_for(
    bench: Bench,
) -> None:
    bench.broker.resume()
    attic = SLEEPING["measurements"][0] | {"name": "attic", "quality": True}
    here = SLEEPING["measurements"][0] | {"address": 119, "quality": True}
    board = bench.board(**SLEEPING | {"measurements": [attic, here]}, absent=["attic"])
    board.wait(WAKE_S_MAX)
    for _ in range(WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    found = {
        batch.measurement: {column.name: list(column.values) for column in batch.columns}
        for batch in bench.batches()
    }
    assert found["attic"]["quality"] == [2] * WAKES_PER_UPLOAD
    assert found["attic"]["temperature_c"] == [None] * WAKES_PER_UPLOAD
    assert found["climate"]["quality"] == [0] * WAKES_PER_UPLOAD


def test_a_driver_that_awaits_is_waited_for_in_a_wake(bench: Bench) -> None:
    bench.broker.resume()
    health = {"name": "health", "driver": "chip", "period_ms": 1_000}
    image = bench.image(**SLEEPING | {"measurements": [health]})
    change_files(image, {"/app_a/tidenode/drivers/chip.mpy": compiled_text(AWAITING, "chip")})
    board = bench.board(image)
    board.wait(WAKE_S_MAX)
    for _ in range(WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    (batch,) = bench.batches()
    assert list(batch.columns[0].values) == [1] * WAKES_PER_UPLOAD


@pytest.mark.parametrize("error", ["MemoryError", "RuntimeError"])
def test_an_upload_that_fails_for_whatever_reason_does_not_keep_the_board_awake(
    bench: Bench, error: str
) -> None:
    bench.broker.resume()
    health = {"name": "health", "driver": "chip", "period_ms": 1_000}
    each = SLEEPING["sleep"] | {"wakes_per_upload": 1, "upload_timeout_s": 60}
    image = bench.image(**SLEEPING | {"measurements": [health], "sleep": each})
    driver = "/app_a/tidenode/drivers/chip.mpy"
    change_files(image, {driver: compiled_text(AWAITING + FAILING % error, "chip")})
    board = bench.board(image)
    assert board.wait(WAKE_S_MAX) == DEEPSLEEP_EXIT_CODE
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert f"no upload: {error}" in bench.log()
    change_files(image, {driver: compiled_text(AWAITING, "chip")})
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert len(received(bench)) == 2


def test_a_flash_write_that_finds_no_memory_costs_no_sample_of_what_was_written(
    bench: Bench,
) -> None:
    bench.broker.resume()
    health = {"name": "health", "driver": "chip", "period_ms": 1_000}
    each = SLEEPING["sleep"] | {"wakes_per_upload": 1}
    settings = SLEEPING | {"measurements": [*SLEEPING["measurements"], health], "sleep": each}
    image = bench.image(partition_blocks=16, **settings)
    driver = "/app_a/tidenode/drivers/chip.mpy"
    change_files(image, {driver: compiled_text(AWAITING + STARVING_FLASH, "chip")})
    board = bench.board(image)
    board.wait(WAKE_S_MAX)
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert "no upload: MemoryError" in bench.log()
    change_files(image, {driver: compiled_text(AWAITING, "chip")})
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    samples = [(batch.measurement, len(batch.times_ms)) for batch in bench.batches()]
    assert samples == [("climate", 1), ("climate", 1), ("health", 2)]


def test_samples_that_no_batch_can_hold_are_counted_and_do_not_keep_the_board_awake(
    bench: Bench,
) -> None:
    bench.broker.resume()
    scaled = {"uptime_s": {"calibration": {"scale": "1000000"}}}
    health = {"name": "health", "driver": "chip", "period_ms": 1_000, "fields": scaled}
    each = SLEEPING["sleep"] | {"wakes_per_upload": 1}
    settings = SLEEPING | {"measurements": [health, *SLEEPING["measurements"]], "sleep": each}
    image = bench.image(**settings)
    change_files(image, {"/app_a/tidenode/drivers/chip.mpy": compiled_text(LARGE, "chip")})
    board = bench.board(image)
    board.wait(WAKE_S_MAX)
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert board.stats
    assert board.stats.dropped == 1
    assert [batch.measurement for batch in bench.batches()] == ["climate"]


def test_a_driver_that_hangs_in_a_wake_is_left_out_until_the_next_upload(bench: Bench) -> None:
    bench.broker.resume()
    health = {"name": "health", "driver": "chip", "period_ms": 1_000}
    each = SLEEPING["sleep"] | {"wakes_per_upload": 2}
    settings = SLEEPING | {"measurements": [health, *SLEEPING["measurements"]], "sleep": each}
    image = bench.image(**settings, watchdog_s=WATCHDOG_S)
    driver = "/app_a/tidenode/drivers/chip.mpy"
    change_files(image, {driver: compiled_text(HANGING, "chip")})
    board = bench.board(image)
    board.wait(WAKE_S_MAX)
    assert woken(board) == WATCHDOG_EXIT_CODE
    assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()  # at once, awake for nothing
    assert "measurement=0 hung until the watchdog bit: left out for now" in bench.log()
    for _ in range(2):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert [batch.measurement for batch in bench.batches()] == ["climate"]
    assert len(received(bench)) == 2
    change_files(image, {driver: compiled_text(AWAITING, "chip")})
    for _ in range(2):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert {batch.measurement for batch in bench.batches()} == {"climate", "health"}


def test_what_an_upload_has_sent_out_of_a_ring_the_next_one_does_not_send_again(
    bench: Bench,
) -> None:
    bench.broker.resume()
    seldom = {"period_s": 12, "wakes_per_upload": WAKES_PER_UPLOAD, "upload_timeout_s": 10}
    climate = SLEEPING["measurements"][0] | {"period_ms": 12_000}
    settings = SLEEPING | {"sleep": seldom, "measurements": [climate]}
    board = bench.board(bench.image(partition_blocks=16, **settings))
    board.wait(WAKE_S_MAX)
    for _ in range(3 * WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert len(received(bench)) == 3 * WAKES_PER_UPLOAD
    assert len(bench.broker.received) == 3


def test_without_a_network_the_samples_wait_on_flash(bench: Bench) -> None:
    settings = SLEEPING | {"sleep": SLEEPING["sleep"] | {"upload_timeout_s": 5}}
    board = bench.board(**settings)
    board.wait(WAKE_S_MAX)
    for _ in range(WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    bench.broker.resume()
    cold = bench.board(bench.folder / "flash.img")  # the power was off: flash is what is left
    assert cold.wait(WAKE_S_MAX) == DEEPSLEEP_EXIT_CODE
    assert len(received(bench)) == WAKES_PER_UPLOAD


@pytest.mark.timeout(180)
@pytest.mark.parametrize("partition_blocks", [0, 16], ids=["files", "ring"])
def test_wakes_with_cuts_and_resets_leave_the_sequence_whole(
    bench: Bench, partition_blocks: int
) -> None:
    """A power cut costs what the RTC held at the most, a reset the sample being taken."""
    chance = random.Random(SEED)
    bench.broker.misbehave(Faults(seed=SEED, cut=0.1, drop_puback=0.1))
    bench.broker.resume()
    board = bench.board(bench.image(partition_blocks=partition_blocks, **SLEEPING))
    board.wait(WAKE_S_MAX)
    sampled = cuts = 0
    for _ in range(WAKES):
        fault = chance.choice([None] * 5 + [signal.SIGKILL, signal.SIGUSR2] * 2)
        board.start()
        if fault:
            timer = threading.Timer(chance.uniform(0.0, 0.15), _struck, (board.pid, fault))
            timer.start()
        code = board.wait(WAKE_S_MAX)
        if fault:
            timer.cancel()
        assert code in (DEEPSLEEP_EXIT_CODE, -signal.SIGKILL, -signal.SIGUSR2), bench.log()
        cuts += code == -signal.SIGKILL
        sampled += code == DEEPSLEEP_EXIT_CODE
    bench.broker.misbehave(Faults())
    for _ in range(2 * WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert cuts > 2, f"seed {SEED}"
    # The starts that follow a cut or a reset take no sample: they upload.
    arrived = len(received(bench))
    resets = WAKES - sampled
    assert arrived >= sampled - resets - cuts * WAKES_PER_UPLOAD, f"seed {SEED}"
    print(f"{arrived} samples of {WAKES} wakes, {cuts} cuts, {resets - cuts} resets")


def _struck(pid: int, fault: int) -> None:
    with suppress(ProcessLookupError):  # it sleeps already
        os.kill(pid, fault)


def test_a_cold_board_that_sleeps_gives_its_samples_their_true_times(bench: Bench) -> None:
    """Two uploads find no time; then the clock is set, and goes on through the sleep."""
    bench.broker.resume()
    with TimeServer(unknowing=2) as server:
        settings = SLEEPING | {
            "measurements": [{"name": "truth", "driver": "chip", "period_ms": 1_000}],
            "sleep": SLEEPING["sleep"] | {"wakes_per_upload": 3},
            "clock": {"sntp_host": "127.0.0.1", "sntp_port": server.port},
        }
        board = bench.board(with_truth(bench.image(**settings)), cold=True)
        assert board.wait(WAKE_S_MAX) == DEEPSLEEP_EXIT_CODE, bench.log()
        arrived = []
        for _ in range(9):
            assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
            arrived.append(len(received(bench)))
    assert arrived == [0, 0, 0, 0, 0, 6, 6, 6, 9], bench.log()
    assert bench.log().count("does not know the time") == 2
    for batch in bench.batches():
        for time_ms, true_ms in zip(batch.times_ms, batch.columns[0].values, strict=True):
            assert isinstance(true_ms, int)
            assert abs(time_ms - true_ms) <= ERROR_MS_MAX


def test_what_a_board_kept_while_it_slept_is_corrected_and_held_back_as_asked(
    bench: Bench,
) -> None:
    fields = {"temperature_c": {"calibration": {"offset": "100"}, "deadband": "50"}}
    climate = SLEEPING["measurements"][0] | {"fields": fields}
    bench.broker.resume()
    board = bench.board(**SLEEPING | {"measurements": [climate]})
    board.wait(WAKE_S_MAX)
    for _ in range(WAKES_PER_UPLOAD):
        assert woken(board) == DEEPSLEEP_EXIT_CODE, bench.log()
    (batch,) = bench.batches()
    (temperature,) = [column for column in batch.columns if column.name == "temperature_c"]
    (value,) = temperature.values  # the others were the same but for 50 degrees
    assert isinstance(value, int)
    assert 11_000 < value < 13_000
    assert board.stats
    assert (board.stats.held, board.stats.accepted) == (WAKES_PER_UPLOAD - 1, 1)


def test_the_memory_is_gone_with_the_power(bench: Bench, tmp_path: Path) -> None:
    bench.broker.resume()
    board = bench.board(**SLEEPING)
    board.wait(WAKE_S_MAX)
    woken(board)
    (memory,) = tmp_path.glob("*.rtc")
    assert 100 < memory.stat().st_size < 200
    board.start()
    board.kill()
    board.wait()
    board.start()
    assert not memory.exists()


def test_a_board_that_was_awake_goes_on_with_its_ring_asleep(bench: Bench) -> None:
    image = bench.image(partition_blocks=16)
    board = bench.board(image, drain_timeout_ms=0)
    board.wait_for(lambda stats: stats.queued_batches >= 3, WAKE_S_MAX)
    awake = bench.end(board)
    bench.configure(image, **SLEEPING)
    bench.broker.resume()
    asleep = bench.board(image)
    assert asleep.wait(WAKE_S_MAX) == DEEPSLEEP_EXIT_CODE, bench.log()  # cold: sends the ring
    assert len(received(bench)) == awake.accepted
    for _ in range(WAKES_PER_UPLOAD):
        assert woken(asleep) == DEEPSLEEP_EXIT_CODE, bench.log()
    assert len(received(bench)) == awake.accepted + WAKES_PER_UPLOAD
