"""A board for the test of a driver: the sim's `machine`, chips on it, and a clock to turn."""

from types import ModuleType
from typing import Any

from tests.firmware.sim.stand_in import stand_in
from tidenode import i2c_bus, i2c_chip

TICKS_PERIOD = 1 << 30  # as on ESP32


class Board:
    """Stands for the VM's module `time` as well, whose clock the test turns."""

    def __init__(self, start_ms: float = 0.0) -> None:
        self.now_ms = start_ms
        self.machine = stand_in("machine")
        i2c_bus.pins_of_bus.clear()

    def create(self, driver: ModuleType, **options: Any) -> Any:
        """Return the sensor of `driver`, at its defaults but for `options`."""
        return driver.create({row[0]: row[2] for row in driver.OPTIONS} | options, self.machine)

    def chip(self, address: int, name: str) -> i2c_chip.I2cChip:
        """Return what a driver has of a chip on bus 0."""
        bus = self.machine.I2C(0, scl=self.machine.Pin(22), sda=self.machine.Pin(21))
        return i2c_chip.I2cChip(bus, address, name)

    def measure(self, sensor: Any) -> tuple[int | None, ...]:
        """Return what `sensor` reads, after the time it asks for."""
        if hasattr(sensor, "begin"):
            self.now_ms += sensor.begin()
        values: tuple[int | None, ...] = sensor.read()
        return values

    def clock(self) -> float:
        """Return the time, to a simulated chip."""
        return self.now_ms

    def ticks_ms(self) -> int:
        return int(self.now_ms) % TICKS_PERIOD

    def ticks_add(self, ticks: int, delta: int) -> int:
        return (ticks + delta) % TICKS_PERIOD

    def ticks_diff(self, end: int, start: int) -> int:
        half = TICKS_PERIOD // 2
        return (end - start + half) % TICKS_PERIOD - half

    def sleep_ms(self, duration_ms: int) -> None:
        self.now_ms += duration_ms


class Noisy:
    """The I2C chip `chip` behind a line that turns one bit of each answer over."""

    def __init__(self, chip: Any, bit: int) -> None:
        self._chip = chip
        self._bit = bit

    def write(self, data: bytes) -> None:
        self._chip.write(data)

    def read(self, size: int) -> bytes:
        answer = bytearray(self._chip.read(size))
        answer[self._bit // 8 % size] ^= 1 << self._bit % 8
        return bytes(answer)
