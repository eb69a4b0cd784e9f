"""The stand-in of `machine` behaves as the ESP32 port does where a driver can tell."""

import errno
from types import ModuleType

import pytest

from tests.firmware.sim.stand_in import stand_in


@pytest.fixture
def machine() -> ModuleType:
    return stand_in("machine")


class Echo:
    """A chip that says what it heard last."""

    def __init__(self) -> None:
        self.heard = b""

    def write(self, data: bytes) -> None:
        self.heard = data

    def read(self, size: int) -> bytes:
        return (self.heard * size)[:size]


def test_a_chip_hears_what_the_master_sends_and_nobody_else_does(machine: ModuleType) -> None:
    chip, other = Echo(), Echo()
    machine.chips.update({(0, 0x40): chip, (1, 0x40): other})
    bus = machine.I2C(0, scl=machine.Pin(22), sda=machine.Pin(21))
    assert bus.writeto(0x40, bytearray(b"\x01\x02")) == 2
    assert chip.heard == b"\x01\x02"
    bus.writeto_mem(0x40, 0x10, b"\x05")
    assert chip.heard == b"\x10\x05"
    assert bus.readfrom_mem(0x40, 0x10, 3) == b"\x10" * 3
    assert other.heard == b""


def test_a_bus_in_software_is_known_by_its_pins(machine: ModuleType) -> None:
    machine.chips[(5, 4), 0x40] = Echo()
    bus = machine.SoftI2C(scl=machine.Pin(5), sda=machine.Pin(4))
    assert bus.writeto(0x40, b"x") == 1


def test_an_absent_chip_and_a_faulty_bus_are_told_apart_by_their_numbers(
    machine: ModuleType,
) -> None:
    bus = machine.I2C(0, scl=machine.Pin(22), sda=machine.Pin(21))
    with pytest.raises(OSError, match=str(errno.ENODEV)):
        bus.writeto(0x40, b"x")
    machine.chips[0, 0x40] = Echo()
    machine.faults[0, 0x40] = errno.ETIMEDOUT
    with pytest.raises(OSError, match=str(errno.ETIMEDOUT)):
        bus.readfrom_into(0x40, bytearray(1))


@pytest.mark.parametrize(("pull", "level"), [(2, 1), (1, 0), (None, 0)])
def test_a_pin_with_nothing_at_it_has_the_level_of_its_pull(
    machine: ModuleType, pull: int | None, level: int
) -> None:
    pin = machine.Pin(4, machine.Pin.IN, pull)
    pin.irq(handler=lambda _: None, trigger=machine.Pin.IRQ_RISING)
    assert pin.value() == level


def test_an_edge_calls_the_handler_of_its_trigger_with_the_pin(machine: ModuleType) -> None:
    contact = machine.parts[4] = stand_in("contact").Contact()
    pin = machine.Pin(4, machine.Pin.IN, machine.Pin.PULL_UP)
    called = []
    pin.irq(handler=called.append, trigger=machine.Pin.IRQ_FALLING)
    assert pin.value() == 1
    contact.turn()
    assert (called, pin.value()) == ([pin], 0)
    contact.turn()
    assert called == [pin]


def test_a_selected_chip_answers_on_spi_and_a_line_floats_without_one(machine: ModuleType) -> None:
    chip = machine.parts[5] = stand_in("max31855").Max31855(lambda: (1.0, 2.0))
    spi, buffer = machine.SPI(1, sck=machine.Pin(18), miso=machine.Pin(19)), bytearray(4)
    select = machine.Pin(5, machine.Pin.OUT, value=1)
    spi.readinto(buffer)
    assert buffer == b"\xff" * 4
    select.value(0)
    spi.readinto(buffer)
    assert buffer == chip.send(4)


@pytest.mark.parametrize(("attenuation", "uv_max"), [(0, 950_000), (3, 3_100_000)])
def test_the_converter_measures_within_its_range(
    machine: ModuleType, attenuation: int, uv_max: int
) -> None:
    adc = machine.ADC(machine.Pin(34), atten=attenuation)
    assert adc.read_uv() == 0
    machine.parts[34] = stand_in("voltage").Voltage(lambda: 5.0)
    assert adc.read_uv() == uv_max
