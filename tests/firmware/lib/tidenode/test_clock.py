"""Time is monotonic over tick wraps, and UTC once trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode.clock import FLOOR_MS, LEAPT_MS_MIN, LIFE_MS, SLEWED_MS_MAX, UNSET_MS, Clock

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

    def clock(self, wall_ms: int = 0, floor_ms: int = FLOOR_MS) -> Clock:
        return Clock(
            ticks_ms=self.ticks_ms,
            ticks_diff=self.ticks_diff,
            wall_ms=wall_ms,
            floor_ms=floor_ms,
        )


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


@pytest.mark.parametrize(
    "wall_ms", [0, EPOCH_2000_S * 1_000, FLOOR_MS - 1, FLOOR_MS + LIFE_MS, 1 << 62]
)
def test_a_board_that_starts_without_the_time_counts_from_an_instant_of_its_own(
    wall_ms: int,
) -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms)
    assert not clock.trusted
    ticks.passed_ms += 1_500
    assert clock.utc_ms() == UNSET_MS + 1_500 < EPOCH_2000_S * 1_000


def test_no_time_before_the_floor_or_thirty_years_after_it_is_taken() -> None:
    floor_ms = FLOOR_MS + 86_400_000
    clock = Ticks().clock(floor_ms=floor_ms)
    for nonsense_ms in (0, EPOCH_2000_S * 1_000, floor_ms - 1, floor_ms + LIFE_MS, 1 << 42):
        assert not clock.set_utc_ms(nonsense_ms)
    assert clock.utc_ms() == UNSET_MS
    assert clock.set_utc_ms(floor_ms + LIFE_MS - 1)


@pytest.mark.parametrize(
    "utc_ms", [2_019_686_399_999, 2_019_686_400_000, 2_085_978_495_999, 2_085_978_496_000]
)
def test_the_years_2034_and_2036_are_years_like_others(utc_ms: int) -> None:
    ticks = Ticks(PERIOD - 1)
    clock = ticks.clock()
    assert clock.set_utc_ms(utc_ms)
    ticks.passed_ms += 2
    assert clock.utc_ms() == utc_ms + 2


@pytest.mark.parametrize("step_ms", [1, 400, 2_000, SLEWED_MS_MAX])
def test_a_small_step_back_goes_at_half_the_speed_until_it_is_made(step_ms: int) -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS + 60_000)
    before_ms = clock.utc_ms()
    clock.set_utc_ms(before_ms - step_ms)
    assert clock.utc_ms() == before_ms
    ticks.passed_ms += step_ms
    assert clock.utc_ms() == before_ms + step_ms - step_ms // 2
    ticks.passed_ms += step_ms
    assert clock.utc_ms() == before_ms + step_ms
    ticks.passed_ms += 5
    assert clock.utc_ms() == before_ms + step_ms + 5


def test_a_small_step_ahead_is_gradual_as_well() -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS)
    clock.set_utc_ms(FLOOR_MS + 600)
    ticks.passed_ms += 1_000
    assert clock.utc_ms() == FLOOR_MS + 1_500
    ticks.passed_ms += 1_000
    assert clock.utc_ms() == FLOOR_MS + 2_600


def test_a_large_step_is_taken_at_once_in_either_direction() -> None:
    ticks = Ticks()
    clock = ticks.clock(wall_ms=FLOOR_MS + 600_000)
    before_ms = clock.utc_ms()
    clock.set_utc_ms(before_ms - SLEWED_MS_MAX - 1)
    assert clock.utc_ms() == before_ms - SLEWED_MS_MAX - 1
    clock.set_utc_ms(before_ms + LEAPT_MS_MIN)
    assert clock.utc_ms() == before_ms + LEAPT_MS_MIN


@given(
    st.lists(
        st.tuples(st.integers(0, 200_000), st.integers(-SLEWED_MS_MAX + 1_000, LEAPT_MS_MIN // 2)),
        max_size=20,
    )
)
def test_small_corrections_never_turn_time_back_and_are_made_in_the_end(
    steps: list[tuple[int, int]],
) -> None:
    """A model knows what the last server said; time may owe it something, and pays."""
    ticks = Ticks()
    true_ms = seen_ms = FLOOR_MS + 10 * SLEWED_MS_MAX * 20
    clock = ticks.clock(wall_ms=true_ms)
    for passed_ms, error_ms in steps:
        for _ in range(2):
            ticks.passed_ms += passed_ms // 2
            true_ms += passed_ms // 2
            now_ms = clock.utc_ms()
            assert now_ms - seen_ms >= passed_ms // 4 - 1
            seen_ms = now_ms
        true_ms = now_ms + error_ms
        assert clock.set_utc_ms(true_ms)
    ticks.passed_ms += 2 * SLEWED_MS_MAX
    assert clock.utc_ms() == true_ms + 2 * SLEWED_MS_MAX
