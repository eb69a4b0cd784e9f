"""The SHT3x measures what is there, and tells when it can't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board, Noisy
from tests.firmware.sim.stand_in import stand_in
from tidenode import sensirion
from tidenode.drivers import sht3x
from tidenode.errors import SensorError

sim = stand_in("sht3x")
crc8 = stand_in("crc8")
PLACE = (0, 0x44)


class Bench(Board):
    def __init__(self) -> None:
        super().__init__()
        self.climate = (20.0, 50.0)
        self.model = sim.Sht3x(lambda: self.climate, self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = self.create(sht3x)


def test_the_checksum_of_the_data_sheets_example_comes_out() -> None:
    assert sensirion.checksum(0xBEEF) == 0x92


@given(st.integers(0, 0xFFFF))
def test_checksums_are_those_of_the_shift_register(word: int) -> None:
    assert sensirion.checksum(word) == crc8.sensirion(word.to_bytes(2, "big"))


@given(st.floats(-40, 125), st.floats(0, 100))
def test_the_climate_comes_out_as_it_went_in(temperature_c: float, humidity: float) -> None:
    bench = Bench()
    bench.climate = (temperature_c, humidity)
    read = bench.measure(bench.sensor)
    assert read == pytest.approx((temperature_c * 100, humidity * 100), abs=0.7)


def test_a_read_before_its_time_is_an_error() -> None:
    bench = Bench()
    bench.now_ms += bench.sensor.begin() - 1
    with pytest.raises(SensorError, match="SHT3x at 0x44: OSError"):
        bench.sensor.read()


@pytest.mark.parametrize("bit", range(0, 48, 5))
def test_a_wrong_bit_is_an_error(bit: int) -> None:
    bench = Bench()
    bench.machine.chips[PLACE] = Noisy(bench.model, bit)
    with pytest.raises(SensorError, match="SHT3x at 0x44: 'wrong checksum'"):
        bench.measure(bench.sensor)


def test_a_chip_that_goes_and_comes_back_is_read_again() -> None:
    bench = Bench()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="SHT3x at 0x44"):
        bench.sensor.begin()
    bench.machine.chips[PLACE] = bench.model
    assert bench.measure(bench.sensor) == (2_000, 5_000)


def test_a_chip_that_loses_its_power_while_it_measures_is_an_error_and_then_well() -> None:
    bench = Bench()
    bench.now_ms += bench.sensor.begin()
    bench.model.power_on()
    with pytest.raises(SensorError, match="SHT3x at 0x44"):
        bench.sensor.read()
    assert bench.measure(bench.sensor) == (2_000, 5_000)


def test_a_temperature_beyond_the_range_is_an_error() -> None:
    bench = Bench()
    bench.climate = (-45.0, 50.0)
    with pytest.raises(SensorError, match="-4500/100 C is beyond its range"):
        bench.measure(bench.sensor)
