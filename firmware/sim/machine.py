"""Stand in for the board's module `machine`: pins, I2C with simulated chips, reset.

A simulated chip is an object with `read(register, size)` and `write(register, data)`.
"""

import errno
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESET_EXIT_CODE = 43  # how the host tells a reset from an end
chips: "dict[tuple[int, int], Any]" = {}  # (bus, address) -> chip; the boot script wires it


class Pin:
    """A pin that is only named."""

    def __init__(self, number: int) -> None:
        self.number = number


class I2C:
    """The master of one bus; `chips` says who answers."""

    def __init__(self, bus: int, *, scl: Pin, sda: Pin, freq: int = 400_000) -> None:
        self._bus = bus

    def readfrom_mem(self, address: int, register: int, size: int) -> bytes:
        """Return `size` bytes from `register` on."""
        return bytes(self._chip(address).read(register, size))

    def readfrom_mem_into(self, address: int, register: int, buffer: bytearray) -> None:
        """Fill `buffer` from `register` on."""
        buffer[:] = self._chip(address).read(register, len(buffer))

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        """Write `data` from `register` on."""
        self._chip(address).write(register, data)

    def _chip(self, address: int) -> "Any":
        chip = chips.get((self._bus, address))
        if chip is None:
            raise OSError(errno.ENODEV)  # what ESP32 raises where nobody acknowledges
        return chip


class RTC:
    """The clock of the host, which nobody here may set."""

    def datetime(self, moment: "tuple[int, ...] | None" = None) -> None:
        """Take the time and leave the host's clock alone."""


def reset() -> None:
    """End the process as a reset does: at once, with its own exit code."""
    sys.exit(RESET_EXIT_CODE)
