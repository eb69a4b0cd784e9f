"""Serial ports: what USB tells of them, and reading from one that may go."""

import os
import pty
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidectl import serial_port
from tidectl.serial_port import PortFacts, PortGoneError, SerialPort, ports


class Found(SimpleNamespace):
    """A port as pyserial finds it."""

    def __lt__(self, other: "Found") -> bool:
        return bool(self.device < other.device)


def test_ports_are_told_with_their_usb_numbers_and_empty_sockets_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        Found(
            device="/dev/ttyUSB0", description="CP2102", vid=0x10C4, pid=0xEA60, serial_number="1"
        ),
        Found(
            device="/dev/ttyACM0",
            description="USB JTAG",
            vid=0x303A,
            pid=0x1001,
            serial_number=None,
        ),
        Found(device="/dev/ttyS0", description="n/a", vid=None, pid=None, serial_number=None),
        Found(
            device="/dev/ttyS1", description="serial8250", vid=None, pid=None, serial_number=None
        ),
    ]
    monkeypatch.setattr(serial_port.list_ports, "comports", lambda: found)
    assert list(ports()) == [
        PortFacts("/dev/ttyACM0", "USB JTAG", "303a", "1001", None),
        PortFacts("/dev/ttyS1", "serial8250", None, None, None),
        PortFacts("/dev/ttyUSB0", "CP2102", "10c4", "ea60", "1"),
    ]


def test_this_machines_ports_can_be_listed() -> None:
    assert all(isinstance(port, PortFacts) for port in ports())


def test_what_comes_is_read_and_nothing_is_no_error() -> None:
    terminal, slave = pty.openpty()
    with SerialPort(os.ttyname(slave)) as port:
        assert port.read() == b""
        os.write(terminal, b"tide")
        assert port.read() == b"tide"
        os.close(slave)
        os.close(terminal)
        with pytest.raises(PortGoneError):
            port.read()


def test_a_port_that_is_not_there_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PortGoneError):
        SerialPort(str(tmp_path / "nope"))
