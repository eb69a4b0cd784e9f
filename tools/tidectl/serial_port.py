"""The serial ports of this machine: which there are, and what goes into and out of one.

The one place that imports pyserial.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import serial
from serial.tools import list_ports

from tidectl.errors import TidectlError

BAUD = 115_200  # MicroPython's console
READ_S_MAX = 0.2
READ_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class PortFacts:
    """A port and what USB tells of it; an empty text and None are what it does not tell."""

    port: str
    description: str
    vid: str | None
    pid: str | None
    serial_number: str | None


class PortGoneError(Exception):
    """The port is not there, or not any more."""


def ports() -> Iterator[PortFacts]:
    """Yield the ports that a board may be on, by name."""
    for found in sorted(list_ports.comports()):
        if found.description == "n/a" and found.vid is None:
            continue  # a socket on the main board that nothing is plugged into
        yield PortFacts(
            found.device,
            found.description,
            _hex(found.vid),
            _hex(found.pid),
            found.serial_number,
        )


class SerialPort:
    """An open port."""

    def __init__(self, name: str, baud: int = BAUD) -> None:
        """Open it. Raises PortGoneError; raises `TidectlError` where it may not be opened."""
        try:
            self._port = serial.Serial(name, baud, timeout=READ_S_MAX, exclusive=True)
        except serial.SerialException as error:
            if Path(name).exists():
                raise TidectlError(
                    f"can't open {name}: {error.strerror or error}",
                    "end the program that has it, or join its group, mostly dialout",
                ) from error
            raise PortGoneError(name) from error

    def read(self) -> bytes:
        """Return what came, or nothing after READ_S_MAX. Raises PortGoneError."""
        try:
            first: bytes = self._port.read(1)
            waiting = min(self._port.in_waiting, READ_BYTES_MAX) if first else 0
            return first + self._port.read(waiting) if waiting else first
        except (serial.SerialException, OSError) as error:
            raise PortGoneError(str(error)) from error

    def write(self, data: bytes) -> None:
        """Send `data`. Raises PortGoneError."""
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise PortGoneError(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # it was pulled
            self._port.close()


def _hex(number: int | None) -> str | None:
    return None if number is None else f"{number:04x}"
