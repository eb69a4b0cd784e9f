"""The register model behaves as the data sheet says of the chip."""

import pytest

from tests.firmware.sim.stand_in import stand_in

sim = stand_in("bme280")
UNMEASURED = bytes.fromhex("800000800000 8000")
ALL_ONCE, ALL_FORCED, NORMAL = b"\x24", b"\x25", b"\x27"


class Bench:
    """A chip in a weather, at a time a test sets; counts how often the chip looked out."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.looks = 0
        self.chip = sim.Bme280(self.weather, lambda: self.now_ms)

    def weather(self, _: int) -> tuple[float, float, float]:
        self.looks += 1
        return 25.0, 100_000.0 + self.looks, 50.0

    def data(self) -> bytes:
        return self.read(0xF7, 8)

    def read(self, register: int, size: int) -> bytes:
        self.chip.write(bytes((register,)))
        return bytes(self.chip.read(size))

    def write(self, register: int, value: bytes) -> None:
        self.chip.write(bytes((register,)) + value)


def test_a_chip_tells_its_id_and_sleeps_at_first() -> None:
    bench = Bench()
    assert bench.read(0xD0, 1) == b"\x60"
    bench.now_ms = 10_000
    assert bench.data() == UNMEASURED
    assert bench.looks == 0


def test_a_normal_chip_measures_at_its_standby_and_no_oftener() -> None:
    bench = Bench()
    bench.write(0xF2, b"\x01")
    bench.write(0xF5, b"\x40")  # 125 ms
    bench.write(0xF4, NORMAL)
    assert bench.data() == UNMEASURED  # it takes its time
    bench.now_ms = 10
    first = bench.data()
    assert first != UNMEASURED
    bench.now_ms = 10 + 125
    assert bench.data() == first
    bench.now_ms = 10 + 135
    assert bench.data() != first
    assert bench.looks == 2


def test_a_forced_chip_measures_once_and_sleeps() -> None:
    bench = Bench()
    bench.write(0xF4, ALL_FORCED)
    bench.now_ms = 10
    first = bench.data()
    bench.now_ms = 10_000
    assert bench.data() == first
    assert bench.read(0xF4, 1) == ALL_ONCE


def test_humidity_is_switched_by_the_next_write_of_ctrl_meas() -> None:
    bench = Bench()
    bench.write(0xF4, NORMAL)
    bench.write(0xF2, b"\x01")
    bench.now_ms = 10
    assert bench.data()[6:] == UNMEASURED[6:]
    bench.write(0xF4, NORMAL)
    bench.now_ms = 1_000
    assert bench.data()[6:] != UNMEASURED[6:]


@pytest.mark.parametrize(("control", "skipped"), [(b"\x23", slice(0, 3)), (b"\x07", slice(3, 6))])
def test_a_skipped_axis_reads_its_reset_value(control: bytes, skipped: slice) -> None:
    bench = Bench()
    bench.write(0xF4, control)
    bench.now_ms = 10
    assert bench.data()[skipped] == UNMEASURED[skipped]


def test_a_reset_makes_it_new() -> None:
    bench = Bench()
    bench.write(0xF4, NORMAL)
    bench.now_ms = 10
    bench.data()
    bench.write(0xE0, b"\x00")  # not the word
    assert bench.data() != UNMEASURED
    bench.write(0xE0, b"\xb6")
    bench.now_ms = 10_000
    assert bench.data() == UNMEASURED


def test_what_can_not_be_written_stays() -> None:
    bench = Bench()
    before = bench.read(0x00, 256)
    for register in (0x88, 0xD0, 0xF3, 0xF7):
        bench.write(register, b"\xff")
    assert bench.read(0x00, 256) == before
