"""A device's settings, and its address in one word."""

import pytest

from tidegate.modbus.errors import ModbusError
from tidegate.modbus.settings import read_settings


@pytest.mark.parametrize(
    ("url", "host", "port", "device"),
    [
        ("tcp://plc", "plc", 502, ""),
        ("rtu+tcp://[::1]:1502", "::1", 1502, ""),
        ("rtu:///dev/ttyUSB0?baud_rate=19200", "", 502, "/dev/ttyUSB0"),
    ],
)
def test_an_address_is_host_and_port_or_a_device(
    url: str, host: str, port: int, device: str
) -> None:
    found = read_settings({"url": url})
    assert (found.host, found.port, found.device) == (host, port, device)


@pytest.mark.parametrize("url", ["plc", "http://plc", "tcp://[plc", "tcp://plc:port"])
def test_what_is_no_address_is_told_with_what_is_one(url: str) -> None:
    with pytest.raises(ModbusError, match="tcp://HOST:502"):
        read_settings({"url": url})
