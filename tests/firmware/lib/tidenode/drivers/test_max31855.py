"""The MAX31855 measures a thermocouple, and tells what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import max31855
from tidenode.errors import SensorError

sim = stand_in("max31855")


class Bench(Board):
    def __init__(self) -> None:
        super().__init__()
        self.temperatures = (100.0, 25.0)
        self.model = sim.Max31855(lambda: self.temperatures)
        self.machine.parts[5] = self.model
        self.sensor = self.create(max31855, sck_pin=18, miso_pin=19, cs_pin=5)


@pytest.mark.parametrize(
    ("celsius", "read"),
    [(1_600.0, 160_000), (100.75, 10_075), (25.0, 2_500), (-0.25, -25), (-250.0, -25_000)],
)
def test_the_worked_examples_of_the_data_sheet_come_out(celsius: float, read: int) -> None:
    # Table 4; of the chip itself table 5.
    bench = Bench()
    bench.temperatures = (celsius, -0.0625)
    assert bench.sensor.read() == (read, -625)


@given(st.floats(-270, 1_800), st.floats(-40, 125))
def test_the_temperatures_come_out_as_they_went_in(probe_c: float, own_c: float) -> None:
    bench = Bench()
    bench.temperatures = (probe_c, own_c or 1.0)
    if abs(probe_c) < 0.2 and abs(own_c) < 0.1:
        return
    read = bench.sensor.read()
    assert read == pytest.approx((probe_c * 100, (own_c or 1.0) * 10_000), abs=313)
    assert abs(read[0] - probe_c * 100) <= 12.6
    assert not bench.model.selected


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (sim.OPEN, "thermocouple open"),
        (sim.SHORT_TO_GROUND, "thermocouple short to ground"),
        (sim.SHORT_TO_SUPPLY, "thermocouple short to supply"),
    ],
)
def test_a_fault_of_the_thermocouple_is_an_error_by_its_name(fault: int, name: str) -> None:
    bench = Bench()
    bench.model.fault = fault
    with pytest.raises(SensorError, match=f"MAX31855 at pin 5: {name}"):
        bench.sensor.read()
    bench.model.fault = 0
    assert bench.sensor.read() == (10_000, 250_000)


@pytest.mark.parametrize("frame", [b"\xff" * 4, b"\0" * 4])
def test_an_absent_chip_is_an_error_however_the_line_floats(frame: bytes) -> None:
    bench = Bench()
    bench.model.send = lambda _size: frame
    with pytest.raises(SensorError, match="MAX31855 at pin 5: no answer"):
        bench.sensor.read()
    del bench.machine.parts[5]
    with pytest.raises(SensorError, match="no answer"):
        bench.sensor.read()
