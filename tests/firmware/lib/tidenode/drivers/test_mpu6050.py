"""The MPU-6050 measures motion, in the ranges it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import mpu6050
from tidenode.errors import SensorError

sim = stand_in("mpu6050")
PLACE = (0, 0x68)
STILL = (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 36.53)


class Bench(Board):
    def __init__(self, **options: int) -> None:
        super().__init__()
        self.motion = STILL
        self.model = sim.Mpu6050(lambda: self.motion, self.clock)
        self.machine.chips[PLACE] = self.model
        self.sensor = self.create(mpu6050, **options)

    def measured(self) -> tuple[int | None, ...]:
        self.sensor.read()
        self.now_ms += 50
        return self.measure(self.sensor)


def test_a_board_that_lies_still_reads_one_g_and_the_offset_of_the_temperature() -> None:
    # Sections 4.17 to 4.19: 16384 counts are a g; 0 counts are 36.53 degrees.
    assert Bench().measured() == (0, 0, 10_000, 0, 0, 0, 3_653)


@given(
    st.sampled_from([2, 4, 8, 16]),
    st.sampled_from([250, 500, 1_000, 2_000]),
    st.tuples(*[st.floats(-0.99, 0.99)] * 6),
    st.floats(-40, 85),
)
def test_the_motion_comes_out_as_it_went_in(
    g_max: int, deg_s_max: int, parts: tuple[float, ...], temperature_c: float
) -> None:
    bench = Bench(g_max=g_max, deg_s_max=deg_s_max)
    scales = (g_max,) * 3 + (deg_s_max,) * 3
    wanted = [part * scale for part, scale in zip(parts, scales, strict=True)]
    bench.motion = (*wanted, temperature_c)
    read = bench.measured()
    assert read[:3] == pytest.approx([value * 10_000 for value in wanted[:3]], abs=g_max)
    assert read[3:6] == pytest.approx(
        [value * 100 for value in wanted[3:]], abs=1.5 + deg_s_max / 250
    )
    assert read[6] == pytest.approx(temperature_c * 100, abs=1.5)


def test_the_first_moments_hold_no_value() -> None:
    assert Bench().sensor.read() == (None,) * 7


def test_another_chip_at_the_address_is_refused() -> None:
    bench = Bench()
    bench.model._registers[0x75] = 0x70
    with pytest.raises(SensorError, match='MPU-6050 at 0x68: "id 0x70'):
        bench.sensor.read()


def test_a_chip_that_lost_its_power_is_an_error_and_set_up_again() -> None:
    bench = Bench(g_max=16)
    bench.measured()
    bench.model.power_on()
    with pytest.raises(SensorError, match="it was reset"):
        bench.sensor.read()
    assert bench.measured()[2] == 10_000


def test_an_absent_chip_is_an_error_until_it_is_back() -> None:
    bench = Bench()
    bench.measured()
    del bench.machine.chips[PLACE]
    with pytest.raises(SensorError, match="MPU-6050 at 0x68: OSError"):
        bench.sensor.read()
    bench.machine.chips[PLACE] = bench.model
    bench.model.power_on()
    assert bench.measured()[2] == 10_000
