"""The RTC's memory gives back what was put in, or says that it can't."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tidenode.sleep import rest_ms
from tidenode.sleep.memory import BYTES_MAX, Memory, loaded

PLAN = {
    "period_s": 60,
    "wakes_per_upload": 12,
    "measurements": [["bme280", {}, 3, 1], ["adc", {"pin": 34}, 1, 2]],
}
T0 = 1_790_000_000_000
values = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
samples = st.lists(
    st.one_of(
        st.tuples(st.just(0), st.integers(0, 2**44), st.lists(values, min_size=3, max_size=3)),
        st.tuples(st.just(1), st.integers(0, 2**44), st.lists(values, min_size=1, max_size=1)),
    ),
    max_size=20,
)


@given(samples)
def test_what_is_kept_comes_back_after_a_sleep(
    rows: list[tuple[int, int, list[int | None]]],
) -> None:
    memory = Memory(PLAN)
    held = [row for row in rows if memory.add(*row)]
    memory.wakes, memory.turns, memory.anchor_ms = 3, 70_000, T0
    again = loaded(memory.dumped())
    assert again
    assert list(again.all()) == held
    assert (again.plan, again.wakes, again.turns, again.anchor_ms) == (PLAN, 3, 70_000, T0)
    assert again.lost == len(rows) - len(held)


@given(wakes=st.integers(0, 1_000), number=st.integers(0, 15), hung=st.booleans())
def test_who_runs_and_who_hung_is_known_after_a_reset(wakes: int, number: int, hung: bool) -> None:
    memory = Memory(PLAN)
    memory.wakes = wakes
    assert memory.begin_driver(number)
    if hung:
        memory.bitten()
    again = loaded(memory.dumped())
    assert again
    assert (again.wakes, again.running, again.hung) == (wakes, number + 1, hung)
    assert again.begin_driver(number) is not hung
    assert again.begin_driver(number - 1)


def test_the_one_that_hung_is_left_out_and_of_two_each_in_turn() -> None:
    memory = Memory(PLAN)
    memory.begin_driver(1)
    assert memory.bitten() == 1
    assert [memory.begin_driver(number) for number in range(3)] == [True, False, True]
    assert memory.bitten() == -1  # another one
    assert all(memory.begin_driver(number) for number in range(3))
    memory.begin_driver(-1)
    assert memory.bitten() == -1  # no driver
    memory.begin_driver(1)
    memory.bitten()
    memory.try_all()
    assert memory.begin_driver(1)


@given(samples, st.integers(0, 3))
def test_what_was_moved_is_forgotten_measurement_by_measurement(
    rows: list[tuple[int, int, list[int | None]]], moved: int
) -> None:
    memory = Memory(PLAN)
    held = [row for row in rows if memory.add(*row)]
    memory.moving = 8
    lost = memory.lost
    memory.forget_first(moved)
    gone = sorted({number for number, _, _ in held})[:moved]
    assert list(memory.all()) == [row for row in held if row[0] not in gone]
    assert (memory.moving, memory.lost) == (0, lost)


def test_memory_is_bounded_and_what_does_not_fit_is_counted() -> None:
    memory = Memory(PLAN)
    chance = random.Random(1)
    for step in range(400):
        row = [chance.randrange(9_000), chance.randrange(10**7), chance.randrange(10_000)]
        was_nearly_full = memory.is_nearly_full
        if not memory.add(0, T0 + 60_000 * step, row):
            assert was_nearly_full  # so that an upload came before
    assert len(memory.dumped()) <= BYTES_MAX
    assert memory.samples > 100
    assert memory.lost == 400 - memory.samples


def test_every_flipped_bit_and_every_cut_is_a_cold_start() -> None:
    memory = Memory(PLAN)
    memory.add(0, T0, [1, None, -3])
    whole = memory.dumped()
    for at in range(len(whole)):
        assert loaded(whole[:at]) is None
        for bit in range(8):
            assert loaded(whole[:at] + bytes((whole[at] ^ 1 << bit,)) + whole[at + 1 :]) is None
    assert loaded(bytes(BYTES_MAX)) is None
    assert loaded(b"\xff" * BYTES_MAX) is None


def test_times_are_put_right_by_how_the_clock_drifted() -> None:
    memory = Memory(PLAN)
    memory.anchor_ms = T0
    for minute in range(1, 11):  # the RTC is 1 % fast
        memory.add(1, T0 + minute * 60_600, [minute])
    memory.correct(T0 + 606_000, T0 + 600_000)
    assert [row[1] for row in memory.all()] == [T0 + minute * 60_000 for minute in range(1, 11)]
    assert memory.anchor_ms == T0 + 600_000
    again = list(memory.all())
    memory.correct(T0 + 600_000, T0 + 600_000)
    assert list(memory.all()) == again


def test_a_clock_that_was_never_set_was_wrong_from_the_start() -> None:
    memory = Memory(PLAN)
    memory.add(1, 946_684_860_000, [1])
    memory.correct(946_684_920_000, T0)
    assert [row[1] for row in memory.all()] == [T0 - 60_000]
    # A cut before the clock itself was set: those that are right stay right.
    memory.correct(946_684_930_000, T0 + 10_000)
    assert [row[1] for row in memory.all()] == [T0 - 60_000]


def test_a_clock_that_lost_its_time_was_wrong_from_then_on() -> None:
    """By a fault of its supply, say; what was taken before lies behind the anchor and is right."""
    memory = Memory(PLAN)
    memory.anchor_ms = T0
    memory.add(1, T0 + 60_000, [1])
    memory.add(1, 946_684_860_000, [2])
    memory.correct(946_684_920_000, T0 + 180_000)
    assert [row[1] for row in memory.all()] == [T0 + 60_000, T0 + 120_000]


@given(samples)
def test_samples_of_instants_that_can_not_be_are_counted_as_lost(
    rows: list[tuple[int, int, list[int | None]]],
) -> None:
    memory = Memory(PLAN)
    held = [row for row in rows if memory.add(*row)]
    memory.forget_impossible(lambda at_ms: at_ms >= T0)
    assert list(memory.all()) == [row for row in held if row[1] >= T0]
    assert memory.samples + memory.lost == len(rows)


def test_a_wake_comes_at_the_next_multiple_that_is_not_too_near() -> None:
    assert rest_ms(60_000, 120_000) == 60_000
    assert rest_ms(60_000, 130_000) == 50_000
    assert rest_ms(60_000, 179_900) == 60_100
