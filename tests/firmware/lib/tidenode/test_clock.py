"""Time is monotonic over tick wraps, and UTC once trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode.clock import FLOOR_MS, HELD_MS_MAX, Clock

PERIOD = 1 << 30  # of ticks on ESP32
EPOCH_2000_S = 946_684_800


class Ticks:
    """The ticks of an ESP32, which wrap every 12.4 days."""

    def __init__(self, start: int = 0) -> None:
        self.passed_ms = start

    def ticks_ms(self) -> int:
        return self.passed_ms % PERIOD

    def ticks_diff(self, end: int, start: int) -> int:
        return (end - start + PERIOD // 2) % PERIOD - PERIOD // 2

    def clock(self, wall_ms: int = 0) -> Clock:
        return Clock(ticks_ms=self.ticks_ms, ticks_diff=self.ticks_diff, wall_ms=wall_ms)


@given(st.integers(0, PERIOD - 1), st.lists(st.integers(0, PERIOD // 2 - 1), max_size=20))
def test_monotonic_time_goes_on_over_tick_wraps(start: int, steps_ms: list[int]) -> None:
    ticks = Ticks(start)
    clock = ticks.clock()
    for step_ms in steps_ms:
        ticks.passed_ms += step_ms
        assert clock.monotonic_ms() == ticks.passed_ms - start


def test_a_clock_before_the_floor_is_not_trusted_until_it_is_set() -> None:
    ticks = Ticks(PERIOD - 500)
    clock = ticks.clock(wall_ms=EPOCH_2000_S * 1_000)
    assert not clock.trusted
    ticks.passed_ms += 1_000
    assert not clock.set_utc_ms(FLOOR_MS - 1)
    assert not clock.trusted
    assert clock.set_utc_ms(FLOOR_MS)
    assert clock.trusted
    ticks.passed_ms += 70
    assert clock.utc_ms() == FLOOR_MS + 70


def test_a_warm_start_is_trusted() -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS + 5)
    assert clock.trusted
    ticks.passed_ms += 10
    assert clock.utc_ms() == FLOOR_MS + 15


@pytest.mark.parametrize("step_ms", [1, 400, HELD_MS_MAX])
def test_a_small_step_back_is_waited_out(step_ms: int) -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS + 60_000)
    before_ms = clock.utc_ms()
    clock.set_utc_ms(before_ms - step_ms)
    ticks.passed_ms += step_ms - 1
    assert clock.utc_ms() == before_ms
    ticks.passed_ms += 2
    assert clock.utc_ms() == before_ms + 1


def test_a_large_step_back_is_taken() -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS + 60_000)
    before_ms = clock.utc_ms()
    clock.set_utc_ms(before_ms - HELD_MS_MAX - 1)
    assert clock.utc_ms() == before_ms - HELD_MS_MAX - 1
