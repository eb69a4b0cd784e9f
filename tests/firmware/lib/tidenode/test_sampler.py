"""Samples come at their period; a bad driver stops nobody."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode.clock import FLOOR_MS, SLEWED_MS_MAX, Clock
from tidenode.sampler import BEGIN_MS_MAX, Sampler, next_due_ms
from tidewire.limits import INTEGER_MAX, INTEGER_MIN


class Bench:
    """What stands about a sampler: clock, batcher, sensor; a test turns the clock."""

    def __init__(self) -> None:
        self.fields: tuple[tuple[str, int], ...] = (("", 0),) * 2
        self.taken = True
        self.blocks_ms = 0
        self.now_ms = 0
        self.answer: object = (1, 2)
        self.added: list[tuple[int, object]] = []
        self.warnings: list[str] = []
        self.clock = Clock(
            ticks_ms=lambda: self.now_ms,
            ticks_diff=lambda end, start: end - start,
            wall_ms=FLOOR_MS,
        )
        self.sampler = Sampler(
            name="climate",
            sensor=self,
            period_ms=100,
            clock=self.clock,
            batcher=self,
            warn=self.warnings.append,
        )

    def read(self) -> object:
        self.now_ms += self.blocks_ms
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def add(self, time_ms: int, values: object) -> bool:
        self.added.append((time_ms, values))
        return self.taken

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.sampler.sampled, self.sampler.errors, self.sampler.missed


@given(st.integers(0, 10**9), st.integers(0, 10**7), st.integers(1, 10**6))
def test_the_next_deadline_lies_on_the_grid_after_now(due: int, late: int, period: int) -> None:
    following, missed = next_due_ms(due, due + late, period)
    assert (following - due) % period == 0
    assert due + late < following <= due + late + period
    assert missed == (following - due) // period - 1


def test_a_sampler_that_wakes_early_misses_nothing() -> None:
    assert next_due_ms(1_000, 998, 100) == (1_100, 0)


def test_a_sample_has_the_time_of_its_reading() -> None:
    bench = Bench()
    bench.now_ms = 250
    bench.sampler.sample()
    assert bench.added == [(FLOOR_MS + 250, (1, 2))]
    assert bench.counts == (1, 0, 0)


def test_two_samples_of_one_instant_are_a_millisecond_apart() -> None:
    bench = Bench()
    for _ in range(2):
        bench.sampler.sample()
    assert [time_ms for time_ms, _ in bench.added] == [FLOOR_MS, FLOOR_MS + 1]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-SLEWED_MS_MAX // 20, 5_000))))
def test_no_correction_lets_samples_share_an_instant_or_run_backwards(
    steps: list[tuple[int, int]],
) -> None:
    bench = Bench()
    for passed_ms, error_ms in steps:
        bench.now_ms += passed_ms
        bench.sampler.sample()
        bench.clock.set_utc_ms(max(FLOOR_MS, bench.clock.utc_ms() + error_ms))
        bench.sampler.sample()
    times_ms = [time_ms for time_ms, _ in bench.added]
    assert times_ms == sorted(set(times_ms))


def test_a_clock_set_back_far_is_followed() -> None:
    bench = Bench()
    bench.now_ms = 60_001
    bench.sampler.sample()
    bench.clock.set_utc_ms(FLOOR_MS)
    bench.sampler.sample()
    assert [time_ms for time_ms, _ in bench.added] == [FLOOR_MS + 60_001, FLOOR_MS]


@pytest.mark.parametrize(
    "answer",
    [
        OSError(19),
        ValueError("a bug of the driver"),
        MemoryError(),
        None,
        7,
        (1,),
        (1, 2, 3),
        (1, 2.5),
        (1, True),
        (1, "2"),
        (1, INTEGER_MAX + 1),
        (INTEGER_MIN - 1, 1),
    ],
    ids=repr,
)
def test_a_failing_driver_is_told_once_per_failure_and_tried_again(answer: object) -> None:
    bench = Bench()
    for failures in (1, 2):
        bench.answer = answer
        for _ in range(3):
            bench.sampler.sample()
        assert len(bench.warnings) == failures
        assert bench.warnings[-1].startswith("sensor failed measurement=climate: ")
        bench.answer = [INTEGER_MAX, None]
        bench.sampler.sample()
    assert bench.counts == (2, 6, 0)
    assert [values for _, values in bench.added] == [[INTEGER_MAX, None]] * 2


def test_what_holds_no_value_is_missed_and_no_sample() -> None:
    bench = Bench()
    bench.answer = (None, None)
    bench.sampler.sample()
    assert (bench.counts, bench.added, bench.warnings) == ((0, 0, 1), [], [])


def test_what_the_batcher_holds_back_is_no_sample() -> None:
    bench = Bench()
    bench.taken = False
    bench.sampler.sample()
    assert bench.counts == (0, 0, 0)


def test_how_long_a_driver_blocked_the_board_is_told() -> None:
    bench = SlowBench()
    assert bench.sampler.blocked_ms_max == 0
    for blocks_ms in (7, 3):
        bench.blocks_ms = blocks_ms
        bench.sampler.sample()
    bench.answer = OSError(19)
    bench.blocks_ms = 40
    bench.sampler.sample()
    assert bench.sampler.blocked_ms_max == 40
    bench.blocks_ms = 90
    bench.sampler.begin()
    assert bench.sampler.blocked_ms_max == 90


def test_a_cancelled_sampler_lets_go() -> None:
    bench = Bench()
    bench.answer = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        bench.sampler.sample()


class SlowBench(Bench):
    """A bench whose sensor wants to be told to measure."""

    wait: object = 750

    def begin(self) -> object:
        self.now_ms += self.blocks_ms
        if isinstance(self.wait, BaseException):
            raise self.wait
        return self.wait


def test_a_sensor_that_need_not_begin_is_read_at_once() -> None:
    assert Bench().sampler.begin() == 0


@pytest.mark.parametrize("wait_ms", [0, 750, BEGIN_MS_MAX])
def test_a_slow_sensor_says_how_long_it_takes(wait_ms: int) -> None:
    bench = SlowBench()
    bench.wait = wait_ms
    assert bench.sampler.begin() == wait_ms
    assert bench.counts == (0, 0, 0)


@pytest.mark.parametrize(
    "wait", [OSError(19), ValueError("a bug"), None, 1.5, True, -1, BEGIN_MS_MAX + 1], ids=repr
)
def test_a_driver_that_fails_to_begin_is_an_error_told_once(wait: object) -> None:
    bench = SlowBench()
    bench.wait = wait
    assert [bench.sampler.begin() for _ in range(3)] == [None] * 3
    assert bench.counts == (0, 3, 0)
    (warning,) = bench.warnings
    assert warning.startswith("sensor failed measurement=climate: ")
    bench.wait = 750
    assert bench.sampler.begin() == 750
    bench.sampler.sample()
    assert bench.counts == (1, 3, 0)
