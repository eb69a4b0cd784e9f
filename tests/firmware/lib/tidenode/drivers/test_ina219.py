"""The INA219 measures voltage and current; power is their product."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import ina219
from tidenode.errors import SensorError

sim = stand_in("ina219")
PLACE = (0, 0x40)


class Bench(Board):
    def __init__(self, **options: int) -> None:
        super().__init__()
        self.supply = (12.0, 0.02)
        self.model = sim.Ina219(lambda: self.supply, self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = self.create(ina219, **options)

    def measured(self) -> tuple[int | None, ...]:
        self.sensor.read()
        self.now_ms += 20
        return self.measure(self.sensor)


def test_the_worked_example_of_the_data_sheet_comes_out() -> None:
    # Section 8.5.1 and table 8: 10 A, 12 V, a shunt of 2 milliohms; 20 mV, 120 W.
    bench = Bench(shunt_microohm=2_000, shunt_mv_max=40)
    assert bench.measured() == (12_000, 1_000_000, 1_200_000)


@given(st.floats(0, 26), st.floats(-0.31, 0.31), st.sampled_from([10_000, 100_000, 1_000_000]))
def test_the_supply_comes_out_as_it_went_in(volts: float, shunt: float, microohm: int) -> None:
    bench = Bench(shunt_microohm=microohm)
    bench.supply = (volts, shunt)
    read_v, read_ma, read_mw = bench.measured()
    milliamperes = shunt / microohm * 1e9
    count_ma = 10_000 / microohm
    assert read_v == pytest.approx(volts * 1_000, abs=2.1)
    assert read_ma == pytest.approx(milliamperes * 100, abs=count_ma * 51 + 1)
    assert read_mw == pytest.approx(read_v * read_ma / 10_000, abs=0.6)


def test_the_first_moments_hold_no_value() -> None:
    assert Bench().sensor.read() == (None, None, None)


@pytest.mark.parametrize(("shunt_mv_max", "gain"), [(40, 0), (41, 1), (80, 1), (160, 2), (320, 3)])
def test_the_smallest_range_that_holds_it_is_taken(shunt_mv_max: int, gain: int) -> None:
    bench = Bench(shunt_mv_max=shunt_mv_max)
    bench.sensor.read()
    bench.model.write(b"\x00")
    assert bench.model.read(2)[0] >> 3 & 3 == gain


@pytest.mark.parametrize("shunt", [0.05, -0.05])
def test_a_current_beyond_the_range_is_an_error(shunt: float) -> None:
    bench = Bench(shunt_mv_max=40)
    bench.supply = (12.0, shunt)
    with pytest.raises(SensorError, match="INA219 at 0x40: 'the current is beyond its range'"):
        bench.measured()


def test_a_chip_that_lost_its_power_is_an_error_and_set_up_again() -> None:
    bench = Bench()
    assert bench.measured() == (12_000, 20_000, 24_000)
    bench.model.power_on()
    bench.now_ms += 20
    with pytest.raises(SensorError, match="it was reset"):
        bench.sensor.read()
    assert bench.measured() == (12_000, 20_000, 24_000)


def test_an_absent_chip_is_an_error_until_it_is_back() -> None:
    bench = Bench()
    bench.measured()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="INA219 at 0x40"):
        bench.sensor.read()
    bench.machine.chips[PLACE] = bench.model
    bench.model.power_on()
    assert bench.measured() == (12_000, 20_000, 24_000)
