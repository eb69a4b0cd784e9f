"""The ADS1115 measures the inputs that are wired, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import ads1115
from tidenode.errors import ConfigError, SensorError

sim = stand_in("ads1115")
PLACE = (0, 0x48)


class Bench(Board):
    def __init__(self, inputs: tuple[int, ...] = (0, 1, 2, 3), gain: int = 1) -> None:
        super().__init__()
        self.volts = [0.5, 1.0, 1.5, 2.0]
        self.model = sim.Ads1115(lambda number: self.volts[number], self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = ads1115.Ads1115(self.chip(0x48, "ADS1115"), list(inputs), gain, self)


@pytest.mark.parametrize(
    ("volts", "raw"), [(2.048, 0x4000), (2.048 / 16_384, 1), (0.0, 0), (-2.048 / 16_384, -1)]
)
def test_the_ideal_codes_of_the_data_sheet_come_out(volts: float, raw: int) -> None:
    # Table 7-3, at 4.096 V full scale.
    bench = Bench()
    bench.volts[0] = volts
    read = bench.measure(bench.sensor)[0]
    assert read == raw * 125


@given(st.lists(st.floats(-0.25, 0.25), min_size=4, max_size=4), st.integers(0, 5))
def test_the_voltages_come_out_as_they_went_in(volts: list[float], gain: int) -> None:
    bench = Bench(gain=gain)
    bench.volts = volts
    step_uv = (187.5, 125, 62.5, 31.25, 15.625, 7.8125)[gain]
    read = bench.measure(bench.sensor)
    assert read == pytest.approx(tuple(volt * 1e6 for volt in volts), abs=step_uv / 2 + 1)


@pytest.mark.parametrize(
    ("mv_max", "gain"), [(6_144, 0), (4_097, 0), (4_096, 1), (2_000, 2), (512, 4), (256, 5)]
)
def test_the_smallest_range_that_holds_it_is_taken(mv_max: int, gain: int) -> None:
    bench = Bench()
    bench.create(ads1115, mv_max=mv_max).begin()
    bench.model.write(b"\x01")
    assert bench.model.read(2)[0] >> 1 & 7 == gain


def test_an_input_that_is_not_wired_has_no_value() -> None:
    bench = Bench(inputs=(1, 3))
    assert bench.measure(bench.sensor) == (None, 1_000_000, None, 2_000_000)
    assert bench.now_ms == 4


def test_a_voltage_beyond_the_range_is_an_error_that_names_the_input() -> None:
    bench = Bench(gain=2)
    bench.volts[3] = 2.5
    with pytest.raises(SensorError, match="ADS1115 at 0x48: 'input 3 is beyond its range'"):
        bench.measure(bench.sensor)


@pytest.mark.parametrize("inputs", ["4", "00", "0x", "-1", "01a"])
def test_inputs_that_it_has_not_are_a_mistake_in_the_configuration(inputs: str) -> None:
    with pytest.raises(ConfigError, match="inputs: must be digits of 0 to 3"):
        Bench().create(ads1115, inputs=inputs)


def test_a_chip_that_loses_its_power_while_it_measures_is_an_error_and_then_well() -> None:
    bench = Bench()
    bench.now_ms += bench.sensor.begin()
    bench.model.power_on()
    with pytest.raises(SensorError, match="it was reset"):
        bench.sensor.read()
    assert bench.measure(bench.sensor)[3] == 2_000_000


def test_an_absent_chip_is_an_error_until_it_is_back() -> None:
    bench = Bench()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="ADS1115 at 0x48: OSError"):
        bench.sensor.begin()
    bench.machine.chips[PLACE] = bench.model
    assert bench.measure(bench.sensor)[0] == 500_000
