"""A board that hangs, crashes or starts in vain is reset, tells of it, and can still be reached."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, SETTINGS, Bench
from tests.firmware.lib.tidenode.image_files import change_files
from tidectl.firmware_image import BLOCK_BYTES, compiled_text
from tidectl.simulated_board import RESET_EXIT_CODE, WATCHDOG_EXIT_CODE, SimulatedBoard
from tidenode import streak
from tidewire import real_values

WATCHDOG_S = 2
GOOD_S = 1.0  # of good readings before the fault
# What the driver `chip` is replaced by, to misbehave once it was read for a second.
DRIVER = """
import time
FIELDS = (("ticks", 0),)
OPTIONS = ()
class Chip:
    def __init__(self):
        self.began = time.ticks_ms()
    def read(self):
        if time.ticks_ms() - self.began > %d:
            self.fault()
        return (1,)
    def fault(self):
        %s
def create(options, hardware):
    %s
    return Chip()
%s
"""
# An hour is less than two seconds.
HURRIES = """
import asyncio
asyncio.sleep_ms, slow = lambda ms: slow(ms // 2_000 if ms >= 3_600_000 else ms), asyncio.sleep_ms
"""
HANGS = "while True: pass"
EATS_ALL = "while True: self.eaten = (bytearray(8), getattr(self, 'eaten', None))"
DIES = "raise __import__('asyncio').CancelledError"  # which no task raises again
FAILS = "raise RuntimeError('wires are loose')"
# The link waits for ever to be open.
STALLS_LINK = """
import asyncio
async def stall(coroutine, timeout_ms):
    await asyncio.sleep(3_600)
asyncio.wait_for_ms = stall
"""
# What stands beside the one at fault, and is to go on.
BME = {"name": "climate", "driver": "bme280", "period_ms": 50}
CHIP: dict[str, Any] = {"measurements": [{"name": "health", "driver": "chip", "period_ms": 50}]}


@contextmanager
def flash_of(image: Path) -> Iterator[LittleFS]:
    """Give the file system of `image`, to change it while no board runs on it."""
    data = bytearray(image.read_bytes())
    flash = LittleFS(block_count=len(data) // BLOCK_BYTES, mount=False, block_size=BLOCK_BYTES,
                     read_size=32, prog_size=32, cache_size=128, lookahead_size=32)  # fmt: skip
    flash.context.buffer = data
    flash.mount()
    yield flash
    flash.unmount()
    image.write_bytes(flash.context.buffer)


def with_driver(image: Path, fault: str = "pass", at_start: str = "pass", beside: str = "") -> Path:
    """Replace the driver `chip` on the flash; `fault` is what it does after a second."""
    with flash_of(image) as flash, flash.open("/app_a/tidenode/drivers/chip.mpy", "wb") as file:
        file.write(compiled_text(DRIVER % (GOOD_S * 1000, fault, at_start, beside), "chip"))
    return image


def events(bench: Bench) -> list[tuple[str, str]]:
    """Return (kind, text) of all that the broker was told, each batch once."""
    batches = [batch for batch in bench.batches() if batch.measurement == "event"]
    return [
        pair
        for batch in batches
        for pair in zip(*map(real_values, batch.columns), strict=True)
    ]  # fmt: skip


def ended(board: SimulatedBoard) -> tuple[int, float]:
    """Return the exit code, and how long after the fault, at the least, it came."""
    board.wait_for(lambda _: True, LATE_S_MAX)  # its first line: the driver was made before it
    began = time.monotonic()
    return board.wait(LATE_S_MAX), time.monotonic() - began - GOOD_S


def test_a_driver_that_hangs_has_the_board_reset_and_the_next_start_tells(bench: Bench) -> None:
    bench.broker.resume()
    image = with_driver(bench.image(**CHIP, watchdog_s=WATCHDOG_S), HANGS)
    board = bench.board(image)
    code, after_s = ended(board)
    assert code == WATCHDOG_EXIT_CODE
    assert after_s < 2 * WATCHDOG_S
    for _ in range(2):
        board.start()
        bench.wait_for_batches(1)
        bench.end(board)
        with_driver(image)
    assert events(bench) == [("watchdog", "health")]  # once, though there was another start


def test_the_next_start_leaves_out_the_driver_that_hung_and_no_other(bench: Bench) -> None:
    """A start that is told nothing of it, as after a cut, tries it again."""
    bench.broker.resume()
    measurements = [*CHIP["measurements"], BME]
    board = bench.board(
        with_driver(bench.image(measurements=measurements, watchdog_s=WATCHDOG_S), HANGS)
    )
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    board.start()
    stats = board.wait_for(lambda stats: stats.sampled > 1.5 * GOOD_S * 20, LATE_S_MAX)
    assert stats.left_out == ["health"]  # which hangs after a second of readings
    bench.end(board)
    assert "health hung until the watchdog bit: left out for an hour" in bench.log()
    told = {batch.measurement for batch in bench.batches() if batch.boot == 2}
    assert told == {"climate", "event"}
    board.start()  # the power went
    assert not board.wait_for(lambda _: True, LATE_S_MAX).left_out


def test_a_driver_that_hangs_while_it_is_made_is_left_out_and_made_an_hour_later(
    bench: Bench,
) -> None:
    bench.broker.resume()
    measurements = [*CHIP["measurements"], BME]
    image = bench.image(measurements=measurements, watchdog_s=WATCHDOG_S)
    board = bench.board(with_driver(image, at_start=HANGS, beside=HURRIES))
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    board.start()
    stats = board.wait_for(lambda stats: stats.sampled > 0, LATE_S_MAX)
    assert (stats.left_out, stats.errors) == (["health"], {})
    assert "health at its start hung until the watchdog bit: left out for an hour" in bench.log()
    assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE
    with_driver(image)
    board.start()
    bench.wait_for_batches(3)
    assert bench.end(board).left_out == []
    assert {batch.measurement for batch in bench.batches() if batch.boot == 3} >= {"health"}
    assert ("watchdog", "health at its start") in events(bench)


@pytest.mark.parametrize(
    "changes",
    [
        {"/update/a.0.good": None, "/update/a.0.trial": b""},
        {"/control/wanted.json": b'{"version": 1, "digest": "", "state": {"batch": {}}}'},
    ],
    ids=["version", "settings"],
)
def test_a_driver_that_hangs_is_not_left_out_of_what_is_on_trial(
    bench: Bench, changes: dict[str, bytes | None]
) -> None:
    image = with_driver(bench.image(**CHIP, watchdog_s=1, control={}), at_start=HANGS)
    with flash_of(image) as flash:
        flash.makedirs("/control", exist_ok=True)
    change_files(image, changes)
    board = bench.board(image)
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    board.start()
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    assert "left out" not in bench.log()


def test_a_measurement_with_the_name_of_a_part_is_not_blamed_for_it(bench: Bench) -> None:
    bench.broker.resume()
    link = SETTINGS["link"] | {"connect_timeout_ms": 500}
    measurements = [dict(CHIP["measurements"][0], name="link")]
    image = bench.image(measurements=measurements, link=link, watchdog_s=1)
    board = bench.board(with_driver(image, beside=STALLS_LINK))
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    with_driver(image)
    board.start()
    bench.wait_for_batches(2)
    assert bench.end(board).left_out == []
    assert events(bench) == [("late", "the link"), ("watchdog", "")]


def test_a_task_that_dies_unseen_has_the_board_reset_and_is_named(bench: Bench) -> None:
    bench.broker.resume()
    image = with_driver(bench.image(**CHIP, watchdog_s=WATCHDOG_S), DIES)
    board = bench.board(image)
    code, after_s = ended(board)
    assert code == WATCHDOG_EXIT_CODE
    assert after_s < 2 * WATCHDOG_S
    assert "watchdog not fed: health is late" in bench.log()
    board.start()
    bench.wait_for_batches(1)
    assert bench.end(board).left_out == ["health"]
    assert events(bench) == [("late", "health"), ("watchdog", "")]


def test_a_driver_that_takes_all_memory_and_keeps_it_has_the_board_reset(bench: Bench) -> None:
    """A stage that finds none ends the agent, or the watchdog does."""
    bench.broker.resume()
    image = with_driver(bench.image(**CHIP, watchdog_s=WATCHDOG_S), EATS_ALL)
    board = bench.board(image)
    code, after_s = ended(board)
    assert code in (RESET_EXIT_CODE, WATCHDOG_EXIT_CODE)
    assert after_s < 2 * WATCHDOG_S
    board.start()
    bench.wait_for_batches(1)
    bench.end(board)
    assert {kind for kind, _ in events(bench)} <= {"crash", "late", "watchdog"}
    assert events(bench)


def test_a_driver_that_only_fails_is_counted_and_nothing_is_reset(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(with_driver(bench.image(**CHIP, watchdog_s=WATCHDOG_S), FAILS))
    bench.wait_for_log("wires are loose")
    time.sleep(2 * WATCHDOG_S)  # the watchdog would have bitten
    assert board.running
    bench.end(board)
    assert events(bench) == []


def test_starts_in_vain_end_in_a_start_without_sensors_that_can_be_reached(bench: Bench) -> None:
    """The watchdog cuts the pause after each crash short."""
    image = with_driver(bench.image(**CHIP, watchdog_s=WATCHDOG_S), at_start=FAILS)
    board = bench.board(image)
    for _ in range(streak.STARTS_MAX - 1):
        assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
        board.start()
    assert board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    bench.broker.resume()
    board.start()
    stats = board.wait_for(lambda stats: stats.connected, LATE_S_MAX)
    assert stats.safe_mode
    assert bench.broker.wait_for(lambda: bool(events(bench)), LATE_S_MAX)
    told = events(bench)
    assert told[-1][0] == "safe_mode"
    assert "RuntimeError: wires are loose" in dict(told)["crash"]
    with_driver(image_of_ended(bench, board))  # what an update would do
    board.start()
    assert not board.wait_for(lambda stats: stats.sampled > 0, LATE_S_MAX).safe_mode
    bench.end(board)


def image_of_ended(bench: Bench, board: SimulatedBoard) -> Path:
    """End `board`; return its flash."""
    bench.end(board)
    return bench.folder / "flash.img"
