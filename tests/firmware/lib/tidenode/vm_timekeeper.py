"""The timekeeper sets the clock before anything is sampled, and asks until it knows."""

import asyncio

from tidenode import timekeeper
from tidenode.clock import FLOOR_MS, UNSET_MS, Clock
from tidenode.errors import LinkError


class Bench:
    """A timekeeper whose time server answers what a case lists; time passes in no time."""

    def __init__(self, answers, wall_ms=0, offline=0):
        self.answers, self.offline = answers, offline
        self.asked, self.walls, self.warnings = 0, [], []
        self.clock = Clock(ticks_ms=lambda: 0, ticks_diff=lambda end, start: 0, wall_ms=wall_ms)
        self.keeper = timekeeper.Timekeeper(
            clock=self.clock,
            ask=None if answers is None else self.ask,
            online=self.online,
            set_wall_ms=self.walls.append,
            resync_ms=5,
            warn=self.warnings.append,
            retry_ms=1,
        )
        self.task = asyncio.create_task(self.keeper.run())

    async def ask(self):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else FLOOR_MS + self.asked
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def online(self):
        if self.offline:
            self.offline -= 1
            raise LinkError("no Wi-Fi")

    async def until(self, wanted):
        while not wanted():
            await asyncio.sleep_ms(1)


async def test_a_cold_board_knows_no_time_until_a_server_tells_it():
    bench = Bench([FLOOR_MS + 7])
    assert not bench.keeper.known.is_set()
    await bench.keeper.ready_to_dial()
    assert bench.clock.utc_ms() == FLOOR_MS + 7
    assert bench.walls[0] == FLOOR_MS + 7


async def test_a_server_that_fails_is_asked_again():
    failures = [OSError(113), LinkError("kiss"), asyncio.TimeoutError(), EOFError(), FLOOR_MS - 1]
    bench = Bench(list(failures), offline=2)
    await bench.keeper.known.wait()
    assert bench.keeper.failures == len(failures) + 2
    assert len(bench.warnings) == len(failures) + 2
    assert bench.walls == [FLOOR_MS + len(failures) + 1]


async def test_the_clock_is_set_again_and_again():
    bench = Bench([])
    await bench.until(lambda: len(bench.walls) >= 4)
    assert bench.walls[:3] == [FLOOR_MS + 1, FLOOR_MS + 2, FLOOR_MS + 3]


async def test_what_was_sampled_before_is_told_by_how_much_the_clock_was_behind():
    bench = Bench([FLOOR_MS - 1, FLOOR_MS + 7, FLOOR_MS + 900])
    told = []

    def learned(shift_ms):
        told.append((shift_ms, bench.keeper.known.is_set(), bench.clock.trusted))

    bench.keeper.learned = learned
    await bench.until(lambda: len(bench.walls) >= 2)
    assert told == [(FLOOR_MS + 7 - UNSET_MS, False, True)], told


async def test_a_warm_board_is_known_before_anybody_is_asked():
    bench = Bench([], wall_ms=FLOOR_MS)
    await bench.keeper.known.wait()
    assert bench.asked == 0
    await bench.until(lambda: bench.asked)


async def test_a_cold_board_with_nobody_to_ask_says_so():
    bench = Bench(None)
    await bench.task
    assert len(bench.warnings) == 1
    assert "nothing is sent" in bench.warnings[0]
    assert not bench.keeper.known.is_set()


async def test_a_warm_board_with_nobody_to_ask_is_content():
    bench = Bench(None, wall_ms=FLOOR_MS)
    await bench.task
    assert bench.keeper.known.is_set()
    assert bench.warnings == []


async def test_a_bug_is_not_taken_for_a_bad_network():
    bench = Bench([KeyError("x")])
    try:
        await bench.task
    except KeyError:
        return
    raise AssertionError("was swallowed")
