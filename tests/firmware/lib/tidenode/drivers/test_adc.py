"""The converter's readings are averaged and scaled."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import adc
from tidenode.errors import SensorError

sim = stand_in("voltage")


class Bench(Board):
    def __init__(self, *volts: float, **options: int) -> None:
        super().__init__()
        self.volts = list(volts)
        self.machine.parts[34] = sim.Voltage(lambda: self.volts[0])
        self.sensor = self.create(adc, pin=34, **options)


@given(st.floats(0, 3.1))
def test_the_voltage_comes_out_as_it_went_in(volts: float) -> None:
    assert Bench(volts).sensor.read() == pytest.approx((volts * 1e6,), abs=1)


def test_readings_are_averaged() -> None:
    bench = Bench(1.0, samples=4)
    bench.machine.parts[34] = sim.Voltage(iter((1.0, 1.5, 2.0, 2.5)).__next__)
    assert bench.sensor.read() == (1_750_000,)


def test_a_divider_and_a_bias_are_taken_out() -> None:
    bench = Bench(1.5, multiply=147, divide=47, offset_uv=-250_000)
    assert bench.sensor.read() == pytest.approx((1_500_000 * 147 / 47 - 250_000,), abs=1)
    assert Bench(1.5, multiply=-2).sensor.read() == (-3_000_000,)


@pytest.mark.parametrize(
    ("attenuation_db", "uv_max"),
    [(0, 950_000), (2, 1_250_000), (6, 1_750_000), (11, 3_100_000)],
)
def test_an_attenuation_has_its_range(attenuation_db: int, uv_max: int) -> None:
    assert Bench(5.0, attenuation_db=attenuation_db).sensor.read() == (uv_max,)


def test_a_converter_that_wifi_has_is_an_error() -> None:
    def busy() -> float:
        raise OSError(errno.ETIMEDOUT)

    bench = Bench(1.0)
    bench.machine.parts[34] = sim.Voltage(busy)
    with pytest.raises(SensorError, match="ADC at pin 34: "):
        bench.sensor.read()
