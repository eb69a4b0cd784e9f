"""The SCD4x measures every five seconds, whoever asks in between."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board, Noisy
from tests.firmware.sim.stand_in import stand_in
from tidenode import sensirion
from tidenode.drivers import scd4x
from tidenode.errors import SensorError

sim = stand_in("scd4x")
PLACE = (0, 0x62)


class Bench(Board):
    def __init__(self, pressure_hpa: int | None = None) -> None:
        super().__init__()
        self.air = (500.0, 25.0, 37.0)
        self.model = sim.Scd4x(lambda: self.air, self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = scd4x.Scd4x(self.chip(0x62, "SCD4x"), pressure_hpa, self)


def test_the_worked_example_of_the_data_sheet_comes_out() -> None:
    # Section 3.5.2: 01f4 is 500 ppm, 6667 is 25 degrees, 5eb9 is 37 %.
    assert sensirion.temperature_100_c(0x6667) == 2_500
    assert sensirion.humidity_100_percent(0x5EB9) == 3_700
    assert [sensirion.checksum(word) for word in (0x01F4, 0x6667, 0x5EB9)] == [0x33, 0xA2, 0x3C]


@given(st.integers(1, 40_000), st.floats(-10, 60), st.floats(0, 100))
def test_the_air_comes_out_as_it_went_in(ppm: int, temperature_c: float, humidity: float) -> None:
    bench = Bench()
    bench.air = (ppm, temperature_c, humidity)
    read = bench.measure(bench.sensor)
    assert read == pytest.approx((ppm, temperature_c * 100, humidity * 100), abs=0.7)


def test_between_two_values_there_is_none() -> None:
    bench = Bench()
    bench.measure(bench.sensor)
    found = []
    for _ in range(20):
        bench.now_ms += 1_000
        assert bench.sensor.begin() == 0
        found.append(bench.sensor.read()[0])
    assert found.count(500) == 4
    assert found.count(None) == 16


def test_a_wrong_bit_is_an_error() -> None:
    for bit in range(0, 72, 7):
        bench = Bench()
        bench.machine.chips[PLACE] = Noisy(bench.model, bit)
        with pytest.raises(SensorError, match="SCD4x at 0x62: 'wrong checksum'"):
            bench.measure(bench.sensor)


def test_an_absent_chip_is_an_error_at_once() -> None:
    bench = Bench()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="SCD4x at 0x62"):
        bench.sensor.begin()
    bench.machine.chips[PLACE] = bench.model
    assert bench.measure(bench.sensor)[0] == 500
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="SCD4x at 0x62"):
        bench.sensor.read()


def test_a_chip_that_still_runs_after_our_reset_goes_on() -> None:
    bench = Bench()
    bench.model.write(b"\x21\xb1")
    assert bench.measure(bench.sensor)[0] == 500


def test_a_chip_that_lost_its_power_is_started_again() -> None:
    bench = Bench()
    bench.measure(bench.sensor)
    bench.model.power_on()
    told = []
    for _ in range(30):
        bench.now_ms += 1_000
        try:
            told.append(bench.measure(bench.sensor)[0])
        except SensorError as error:
            told.append(str(error))
    assert told.count("SCD4x at 0x62: 'no value in 16000 ms'") == 1
    assert told[-1] in (500, None)
    assert 500 in told[17:]


def test_the_chip_is_told_the_pressure_of_its_place() -> None:
    bench = Bench(pressure_hpa=870)
    bench.sensor.begin()
    assert bench.model.pressure_hpa == 870


def test_no_carbon_dioxide_at_all_is_an_error() -> None:
    bench = Bench()
    bench.air = (0.0, 25.0, 37.0)
    with pytest.raises(SensorError, match="0 ppm is beyond its range"):
        bench.measure(bench.sensor)


def test_a_bus_that_fails_is_an_error_with_its_number() -> None:
    bench = Bench()
    bench.machine.faults[PLACE] = errno.ETIMEDOUT
    with pytest.raises(SensorError, match=str(errno.ETIMEDOUT)):
        bench.sensor.begin()
