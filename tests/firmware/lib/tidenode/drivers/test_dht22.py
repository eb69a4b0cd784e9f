"""The DHT22 is asked in a thread, and no oftener than it can bear."""

import errno
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import TICKS_PERIOD, Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import dht22
from tidenode.errors import SensorError

sim = stand_in("dht22")
dht = stand_in("dht")


class Bench(Board):
    """Its threads run when the test looks away: at once, or when it says so."""

    def __init__(self, start_ms: float = 0.0) -> None:
        super().__init__(start_ms)
        self.climate = (20.0, 50.0)
        self.model = sim.Dht22(lambda: self.climate, self.clock)
        self.machine.parts[4] = self.model
        self.threads: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.sensor = dht22.Dht22(
            self.machine.Pin(4),
            "at pin 4",
            readinto=dht.dht_readinto,
            start=lambda function, arguments: self.threads.append((function, arguments)),
            time=self,
        )

    def measure(self, sensor: Any) -> tuple[int | None, ...]:
        due_ms = self.now_ms + sensor.begin()
        self.run_thread()
        self.now_ms = max(self.now_ms, due_ms)
        values: tuple[int | None, ...] = sensor.read()
        return values

    def run_thread(self) -> None:
        function, arguments = self.threads.pop()
        function(*arguments)


class Frame:
    def __init__(self, text: str) -> None:
        self._data = bytes.fromhex(text)

    def frame(self) -> bytes:
        return self._data


@pytest.mark.parametrize(
    ("frame", "read"), [("028c 015f ee", (351, 652)), ("028c 8065 73", (-101, 652))]
)
def test_the_worked_examples_of_the_data_sheet_come_out(frame: str, read: tuple[int, int]) -> None:
    # Section 7: 65.2 %, and 35.1 or minus 10.1 degrees.
    bench = Bench()
    bench.machine.parts[4] = Frame(frame)
    assert bench.measure(bench.sensor) == read


@given(st.floats(-40, 80), st.floats(0, 100))
def test_the_climate_comes_out_as_it_went_in(temperature_c: float, humidity: float) -> None:
    bench = Bench()
    bench.climate = (temperature_c, humidity)
    read = bench.measure(bench.sensor)
    assert read == pytest.approx((temperature_c * 10, humidity * 10), abs=0.51)


@pytest.mark.parametrize("start_ms", [0.0, TICKS_PERIOD - 3_000.0])
def test_it_is_left_to_rest_two_seconds_however_often_it_is_read(start_ms: float) -> None:
    bench = Bench(start_ms)
    assert [bench.measure(bench.sensor) for _ in range(5)] == [(200, 500)] * 5
    assert bench.now_ms - start_ms >= 5 * 2_000
    bench.now_ms += 10_000
    assert bench.sensor.begin() == 300  # rested: only the reading itself


def test_a_thread_that_starts_late_shortens_no_rest() -> None:
    bench = Bench()
    bench.measure(bench.sensor)
    bench.now_ms += 1_000
    bench.sensor.begin()
    bench.now_ms += 50
    bench.run_thread()
    assert bench.sensor.read() == (200, 500)
    assert bench.measure(bench.sensor) == (200, 500)


@pytest.mark.parametrize("bit", range(0, 40, 3))
def test_a_wrong_bit_is_an_error(bit: int) -> None:
    bench = Bench()
    frame = bytearray.fromhex("028c015fee")
    frame[bit // 8] ^= 1 << bit % 8
    bench.machine.parts[4] = Frame(frame.hex())
    with pytest.raises(SensorError, match="DHT22 at pin 4: 'wrong checksum'"):
        bench.measure(bench.sensor)


def test_an_absent_chip_is_an_error_until_it_is_back() -> None:
    bench = Bench()
    del bench.machine.parts[4]
    for _ in range(2):
        with pytest.raises(SensorError, match=f"DHT22 at pin 4: .*{errno.ETIMEDOUT}"):
            bench.measure(bench.sensor)
    bench.model.power_on()
    bench.machine.parts[4] = bench.model
    bench.now_ms += 2_000
    assert bench.measure(bench.sensor) == (200, 500)


def test_a_thread_that_is_late_is_an_error_and_is_not_joined_by_another() -> None:
    bench = Bench()
    bench.now_ms += bench.sensor.begin()
    with pytest.raises(SensorError, match="DHT22 at pin 4: 'slow'"):
        bench.sensor.read()
    with pytest.raises(SensorError, match="still being asked"):
        bench.sensor.begin()
    bench.run_thread()
    assert bench.sensor.read() == (200, 500)


def test_a_board_with_no_room_for_a_thread_is_an_error_and_tries_again() -> None:
    bench = Bench()
    start = bench.sensor._start

    def fail(*_: object) -> None:
        raise OSError(errno.ENOMEM)

    bench.sensor._start = fail
    with pytest.raises(SensorError, match="DHT22 at pin 4"):
        bench.sensor.begin()
    bench.sensor._start = start
    assert bench.measure(bench.sensor) == (200, 500)


@pytest.mark.parametrize("frame", ["03e9 0000 ec", "0000 0321 24", "0000 8191 12"])
def test_what_it_can_not_have_measured_is_an_error(frame: str) -> None:
    bench = Bench()
    bench.machine.parts[4] = Frame(frame)
    with pytest.raises(SensorError, match="beyond its range"):
        bench.measure(bench.sensor)
