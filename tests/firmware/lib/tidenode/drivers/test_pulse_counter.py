"""Pulses are counted by interrupt, over every wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import TICKS_PERIOD, Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import pulse_counter
from tidenode.edge_counter import EdgeCounter
from tidenode.input_pin import OPTIONS, open_pin

sim = stand_in("contact")
QUIET_DAYS_MS = 8 * 86_400_000


class Bench(Board):
    def __init__(
        self, start_ms: float = 0.0, debounce_ms: int = 0, *, rising: bool = False
    ) -> None:
        super().__init__(start_ms)
        self.contact = sim.Contact()
        self.machine.parts[4] = self.contact
        pin = open_pin({row[0]: row[2] for row in OPTIONS} | {"pin": 4}, self.machine)
        trigger = pin.IRQ_RISING if rising else pin.IRQ_FALLING
        self.edges = EdgeCounter(pin, trigger, debounce_ms, self)
        self.sensor = pulse_counter.PulseCounter(self.edges, self)

    def pulse(self) -> None:
        self.contact.turn()
        self.contact.turn()


def test_pulses_add_up_and_are_told_by_the_minute() -> None:
    bench = Bench()
    for _ in range(30):
        bench.pulse()
    bench.now_ms += 60_000
    assert bench.sensor.read() == (30, 300)
    bench.now_ms += 8_000
    assert bench.sensor.read() == (30, 0)
    bench.pulse()
    bench.now_ms += 1_000
    assert bench.sensor.read() == (31, 600)


@pytest.mark.parametrize("rising", [False, True])
def test_one_edge_of_each_pulse_counts(rising: bool) -> None:
    bench = Bench(rising=rising)
    bench.contact.turn()
    bench.now_ms += 1
    assert bench.sensor.read()[0] == (0 if rising else 1)
    bench.contact.turn()
    assert bench.sensor.read()[0] == 1


@given(
    st.integers(-3, 3).map(lambda offset: TICKS_PERIOD * 3 + offset),
    st.lists(st.integers(0, 500), max_size=20),
)
def test_no_pulse_is_lost_or_invented_where_ticks_wrap(start_ms: int, counts: list[int]) -> None:
    bench = Bench(float(start_ms))
    total = 0
    for count in counts:
        for _ in range(count):
            bench.pulse()
        total += count
        bench.now_ms += 1
        assert bench.sensor.read() == (total, count * 600_000)


def test_no_pulse_is_lost_where_the_interrupts_own_count_wraps() -> None:
    bench = Bench()
    bench.edges._edges = bench.edges._taken = 0x1FFFFFFF - 1
    for _ in range(5):
        bench.pulse()
    bench.now_ms += 1_000
    assert bench.sensor.read()[0] == 5
    assert bench.edges._edges == 3


def test_two_reads_at_once_have_no_rate() -> None:
    assert Bench().sensor.read() == (0, None)


def test_bouncing_counts_once() -> None:
    bench = Bench(debounce_ms=20)
    for _ in range(3):
        for _ in range(5):
            bench.pulse()
            bench.now_ms += 2
        bench.now_ms += 100
    assert bench.sensor.read()[0] == 3


def test_a_pulse_after_days_of_quiet_is_no_bouncing() -> None:
    bench = Bench(debounce_ms=20)
    bench.pulse()
    for _ in range(3):
        bench.now_ms += QUIET_DAYS_MS  # ticks have half wrapped
        bench.pulse()
    assert bench.sensor.read()[0] == 4
