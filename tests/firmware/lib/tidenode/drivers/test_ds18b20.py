"""DS18B20s share a pin; each is read by its address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import ds18b20
from tidenode.errors import SensorError

sim = stand_in("ds18b20")
onewire = stand_in("onewire")
crc8 = stand_in("crc8")
ROMS = [
    bytes.fromhex(rom) + bytes((crc8.maxim(bytes.fromhex(rom)),))
    for rom in ("28ff641e831603", "28aa0000000001", "28000000000001")
]


class Bench(Board):
    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.celsius = [20.0 + number for number in range(count)]
        self.bus = onewire.Bus()
        self.machine.parts[4] = self.bus
        self.models = [self._model(number) for number in range(count)]
        self.bus.devices.extend(self.models)

    def _model(self, number: int) -> Any:
        return sim.Ds18b20(ROMS[number], lambda: self.celsius[number], self.clock)

    def sensor(self, rom: bytes | None = None, bits: int = 12) -> ds18b20.Ds18b20:
        wire = onewire.OneWire(self.machine.Pin(4))
        return ds18b20.Ds18b20(wire, rom, bits, "at pin 4")


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (0x07D0, 1_250_000),
        (0x0550, 850_000),
        (0x0191, 250_625),
        (0x00A2, 101_250),
        (0x0008, 5_000),
        (0x0000, 0),
        (0xFFF8, -5_000),
        (0xFF5E, -101_250),
        (0xFE6F, -250_625),
        (0xFC90, -550_000),
    ],
)
def test_the_worked_examples_of_the_data_sheet_come_out(raw: int, read: int) -> None:
    # Table 1.
    bench = Bench()
    bench.celsius[0] = (raw - ((raw & 0x8000) << 1)) / 16
    assert bench.measure(bench.sensor()) == (read,)


@given(st.floats(-55, 125), st.integers(9, 12))
def test_the_temperature_comes_out_as_it_went_in(celsius: float, bits: int) -> None:
    bench = Bench()
    bench.celsius[0] = celsius
    (read,) = bench.measure(bench.sensor(bits=bits))
    step = 10_000 / (1 << bits - 8)
    assert read == pytest.approx(celsius * 10_000, abs=step + 313)
    assert read % (10_000 >> bits - 8) == 0


@pytest.mark.parametrize(("bits", "wait_ms"), [(9, 94), (10, 188), (11, 375), (12, 750)])
def test_fewer_bits_are_quicker(bits: int, wait_ms: int) -> None:
    assert Bench().sensor(bits=bits).begin() == wait_ms


def test_several_on_one_bus_are_read_each_for_itself_and_at_once() -> None:
    bench = Bench(count=3)
    sensors = [bench.sensor(rom) for rom in ROMS]
    bench.now_ms += max(sensor.begin() for sensor in sensors)
    assert [sensor.read() for sensor in sensors] == [(200_000,), (210_000,), (220_000,)]


def test_several_without_an_address_are_an_error() -> None:
    bench = Bench(count=3)
    with pytest.raises(SensorError, match="DS18B20 at pin 4: wrong checksum"):
        bench.measure(bench.sensor())


def test_an_empty_bus_is_an_error() -> None:
    bench = Bench(count=0)
    with pytest.raises(SensorError, match="DS18B20 at pin 4: nobody on the bus"):
        bench.sensor().begin()


def test_one_that_is_absent_among_others_is_an_error_until_it_is_back() -> None:
    bench = Bench(count=2)
    sensor = bench.sensor(ROMS[1])
    del bench.bus.devices[1]
    with pytest.raises(SensorError, match="DS18B20 at pin 4: no answer"):
        bench.measure(sensor)
    bench.bus.devices.append(bench.models[1])
    assert bench.measure(sensor) == (210_000,)


def test_the_85_degrees_of_a_chip_that_lost_its_power_are_no_measurement() -> None:
    bench = Bench()
    sensor = bench.sensor(bits=10)
    bench.measure(sensor)
    bench.now_ms += sensor.begin()
    bench.models[0].power_on()
    with pytest.raises(SensorError, match="DS18B20 at pin 4: it was reset"):
        sensor.read()
    assert bench.measure(sensor) == (200_000,)


def test_a_bus_held_at_ground_is_an_error() -> None:
    class Ground:
        rom = ROMS[0]

        def reset(self) -> None: ...

        def write(self, byte: int) -> None: ...

        def read(self) -> int:
            return 0

    bench = Bench(count=0)
    bench.bus.devices.append(Ground())
    with pytest.raises(SensorError, match="it was reset"):  # its checksum is right
        bench.measure(bench.sensor())


@pytest.mark.parametrize("bit", range(0, 72, 7))
def test_a_wrong_bit_is_an_error(bit: int) -> None:
    bench = Bench()
    (model,) = bench.models
    sensor = bench.sensor()
    bench.now_ms += sensor.begin()
    scratchpad = bytearray(model._scratchpad())
    scratchpad[bit // 8] ^= 1 << bit % 8
    model._scratchpad = lambda: bytes(scratchpad)
    with pytest.raises(SensorError, match="wrong checksum"):
        sensor.read()
