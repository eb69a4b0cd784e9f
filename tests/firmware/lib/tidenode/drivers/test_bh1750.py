"""The BH1750 measures light."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import bh1750
from tidenode.errors import SensorError

sim = stand_in("bh1750")
PLACE = (0, 0x23)


class Bench(Board):
    def __init__(self) -> None:
        super().__init__()
        self.lux = 100.0
        self.model = sim.Bh1750(lambda: self.lux, self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = self.create(bh1750)


def test_the_worked_example_of_the_data_sheet_comes_out() -> None:
    # Page 7: 83 90 hexadecimal are 28067 lx.
    bench = Bench()
    bench.machine.chips[PLACE] = Answer(b"\x83\x90")
    assert bench.sensor.read() == (280_667,)


class Answer:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        return self._data[:size]


@given(st.floats(0, 54_600))
def test_the_light_comes_out_as_it_went_in(lux: float) -> None:
    bench = Bench()
    bench.lux = lux
    assert bench.measure(bench.sensor) == pytest.approx((lux * 10,), abs=5)  # half a count


def test_it_waits_for_the_slowest_chip() -> None:
    bench = Bench()
    bench.measure(bench.sensor)
    bench.lux = 500.0
    assert bench.measure(bench.sensor) == (5_000,)


def test_more_light_than_it_can_count_is_an_error() -> None:
    bench = Bench()
    bench.lux = 60_000.0
    with pytest.raises(SensorError, match="BH1750 at 0x23: '54612 lx or more"):
        bench.measure(bench.sensor)


def test_an_absent_chip_is_an_error_and_one_that_lost_its_power_is_well_again() -> None:
    bench = Bench()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="BH1750 at 0x23: OSError"):
        bench.sensor.begin()
    bench.machine.chips[PLACE] = bench.model
    bench.model.power_on()
    assert bench.measure(bench.sensor) == (1_000,)
