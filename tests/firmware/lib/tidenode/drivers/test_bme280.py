"""The BME280's numbers are the data sheet's; the driver brings a chip back after any failure."""

import struct
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode import i2c_bus
from tidenode.drivers import bme280, bmp280
from tidenode.errors import ConfigError, SensorError

sim = stand_in("bme280")
BME280, BMP280 = 0x60, 0x58  # what the register of the chip's kind says
PLACE = (0, 0x76)

# Section 3.12 of the BMP280's data sheet (BST-BMP280-DS001), whose formulae the BME280 shares.
EXAMPLE_T = (27_504, 26_435, -1_000)
EXAMPLE_P = (36_477, -10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000)
EXAMPLE_H = (75, 365, 0, 313, 50, 30)
EXAMPLE = EXAMPLE_T + EXAMPLE_P + EXAMPLE_H
RAW_T, RAW_P = 519_888, 415_148

temperatures_c = st.floats(-40, 85)
pressures_pa = st.floats(30_000, 110_000)
humidities_percent = st.floats(0, 100)


class Bench(Board):
    """The driver and the register model, in a weather and at a time a test sets."""

    def __init__(self, driver: ModuleType = bme280, kind: int = BME280) -> None:
        super().__init__()
        self.weather = (20.0, 101_325.0, 50.0)
        self.model = sim.Bme280(lambda _: self.weather, self.clock, kind)
        self.machine.chips[PLACE] = self.model
        self.sensor = self.create(driver)

    def measured(self, *weather: float) -> tuple[int | None, ...]:
        """Return what the driver reads once the chip has been in `weather` for a second."""
        self.weather = weather
        self.sensor.read()
        self.now_ms += 1_000
        return self.sensor.read()


def test_the_worked_example_of_the_data_sheet_comes_out() -> None:
    fine = bme280.fine_temperature(RAW_T, EXAMPLE)
    assert fine == 128_422
    assert (fine * 5 + 128) >> 8 == 2_508  # 25.08 degrees
    assert bme280.pressure_256_pa(RAW_P, fine, EXAMPLE) / 256 == pytest.approx(100_653.27, abs=0.03)


def test_trimming_parameters_are_read_as_table_16_lays_them_out() -> None:
    first = struct.pack("<HhhHhhhhhhhh", *EXAMPLE_T, *EXAMPLE_P) + bytes((0, 75))
    # H4 and H5 share a register, four bits each; here both are negative.
    second = struct.pack("<hBBBBb", 365, 0, -313 >> 4 & 255, -313 & 15 | (-50 & 15) << 4, 0xFC, -30)
    assert bme280.trimming(first, second) == EXAMPLE_T + EXAMPLE_P + (75, 365, 0, -313, -50, -30)


@given(temperatures_c, pressures_pa, humidities_percent)
def test_the_weather_comes_out_as_it_went_into_the_register_model(
    temperature_c: float, pressure_pa: float, humidity_percent: float
) -> None:
    read = Bench().measured(temperature_c, pressure_pa, humidity_percent)
    assert read[0] == pytest.approx(temperature_c * 100, abs=1.5)
    assert read[1] == pytest.approx(
        pressure_pa * 10, abs=10
    )  # 1 Pa, the chip's relative accuracy is 12
    assert read[2] == pytest.approx(humidity_percent * 100, abs=10)


@given(st.integers(0, (1 << 20) - 1), st.integers(0, (1 << 20) - 1), st.integers(0, (1 << 16) - 1))
def test_any_raw_numbers_come_out_as_integers(raw_t: int, raw_p: int, raw_h: int) -> None:
    fine = bme280.fine_temperature(raw_t, EXAMPLE)
    assert isinstance(bme280.pressure_256_pa(raw_p, fine, EXAMPLE), int)
    assert 0 <= bme280.humidity_1024_percent(raw_h, fine, EXAMPLE) <= 102_400


def test_the_first_moments_hold_no_value() -> None:
    assert Bench().sensor.read() == (None, None, None)


@pytest.mark.parametrize(("register", "missing"), [(0xF2, 2), (0xF7, 1)])
def test_an_axis_that_is_not_measured_has_no_value(register: int, missing: int) -> None:
    bench = Bench()
    bench.measured(20.0, 100_000.0, 50.0)
    if register == 0xF2:
        bench.model.write(b"\xf2\0\xf4\x27")
        bench.now_ms += 1_000
    else:
        bench.model._registers[0xF7:0xFA] = b"\x80\0\0"
    read = bench.sensor.read()
    assert [position for position, value in enumerate(read) if value is None] == [missing]


def test_an_absent_chip_is_an_error_and_set_up_again_when_it_is_back() -> None:
    bench = Bench()
    bench.measured(20.0, 100_000.0, 50.0)
    del bench.machine.chips[PLACE]
    for _ in range(2):
        with pytest.raises(SensorError, match="BME280 at 0x76: OSError"):
            bench.sensor.read()
    bench.model.write(b"\xe0\xb6")  # back, and as new: asleep
    bench.machine.chips[PLACE] = bench.model
    assert bench.sensor.read() == (None, None, None)
    bench.now_ms += 1_000
    assert bench.sensor.read()[0] == pytest.approx(2_000, abs=1)


def test_a_chip_that_lost_its_power_between_two_reads_measures_again() -> None:
    bench = Bench()
    bench.measured(20.0, 100_000.0, 50.0)
    bench.model.power_on()
    with pytest.raises(SensorError, match="BME280 at 0x76: 'it was reset'"):
        bench.sensor.read()
    assert bench.measured(21.0, 100_000.0, 50.0)[0] == pytest.approx(2_100, abs=1)


def test_what_it_can_not_have_measured_is_an_error() -> None:
    bench = Bench()
    for weather in ((90.0, 100_000.0, 50.0), (20.0, 20_000.0, 50.0)):
        with pytest.raises(SensorError, match="beyond its range"):
            bench.measured(*weather)


@given(temperatures_c, pressures_pa)
def test_a_bmp280_is_one_without_humidity(temperature_c: float, pressure_pa: float) -> None:
    read = Bench(bmp280, BMP280).measured(temperature_c, pressure_pa, 50.0)
    assert read == pytest.approx((temperature_c * 100, pressure_pa * 10), abs=10)


def test_another_chip_at_the_address_is_refused() -> None:
    bench = Bench()
    bench.model._registers[0xD0] = 0x58  # a BMP280, which has no humidity
    with pytest.raises(SensorError, match='BME280 at 0x76: "id 0x58'):
        bench.sensor.read()


def test_a_chip_that_still_copies_its_trimming_is_asked_later() -> None:
    bench = Bench()
    bench.model._registers[0xF3] = 1
    with pytest.raises(SensorError, match="still copies"):
        bench.sensor.read()
    bench.model._registers[0xF3] = 0
    bench.sensor.read()


def test_blank_trimming_parameters_divide_nothing_by_zero() -> None:
    bench = Bench()
    bench.model._registers[0x88:0xA2] = bytes(26)
    with pytest.raises(SensorError, match="blank"):
        bench.sensor.read()


def test_trimming_parameters_that_are_nonsense_divide_nothing_by_zero() -> None:
    with pytest.raises(SensorError, match="trimming"):
        bme280.pressure_256_pa(RAW_P, 128_422, (0,) * 18)


@pytest.mark.parametrize("bus", [0, 1, -1])
def test_a_sensor_is_created_on_the_pins_of_its_options(bus: int) -> None:
    bench = Bench()
    bench.machine.chips = {((5, 4) if bus < 0 else bus, 0x77): bench.model}
    options = {"scl_pin": 5, "sda_pin": 4, "address": 0x77}
    i2c_bus.pins_of_bus.clear()
    assert bench.create(bme280, bus=bus, **options).read() == (None, None, None)
    with pytest.raises(SensorError, match="BME280 at 0x76"):
        bench.create(bme280, bus=bus, **options | {"address": 0x76}).read()


def test_one_bus_on_two_pairs_of_pins_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="I2C bus 0: on pins"):
        Bench().create(bme280, scl_pin=5)
