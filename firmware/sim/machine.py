"""Stand in for the board's module `machine`: pins, buses, converter, with simulated chips.

A chip on an I2C bus is an object with `write(data)` and `read(size)`: what the master sends
behind the address, and what it asks for. It raises OSError where it would not acknowledge. At
a pin is a part, with those of these methods that it needs:
    level(pull)               -> 0 or 1, to a pin that reads
    drive(level)              from a pin that writes
    watch(handler, trigger)   `handler()` is to be called at edges of `trigger`
    microvolts()              -> to the converter
    send(size)                -> bytes to SPI, from a chip `selected` by its pin
`onewire` and `dht` ask the part for more.
"""

import _thread
import errno
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RESET_EXIT_CODE = 43  # how the host tells a reset from an end
_WATCHDOG_CHECK_MS = 20
PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5  # as on ESP32
cause = PWRON_RESET  # the boot script is told by the host how the process before this one ended
# The boot script wires these. A bus is its number, or the pins of one in software.
chips: "dict[tuple[int | tuple[int, int], int], Any]" = {}  # (bus, address) -> chip
parts: "dict[int, Any]" = {}  # pin -> part
faults: "dict[tuple[int | tuple[int, int], int], int]" = {}  # (bus, address) -> errno to raise


class WDT:
    """The chip's watchdog. Starved for `timeout` ms, it ends the process.

    By a signal that nothing else here uses; from a thread, since what it watches may block
    everything else.
    """

    _one: "WDT | None" = None  # the chip has one, which a second constructor sets anew

    def __init__(self, *, timeout: int) -> None:
        if WDT._one is None:
            WDT._one = self
            self._set(timeout)
            _thread.start_new_thread(self._watch, ())
        else:
            WDT._one._set(timeout)

    def feed(self) -> None:
        """Wait anew."""
        one = WDT._one or self
        one._fed_ticks_ms = time.ticks_ms()

    def _set(self, timeout: int) -> None:
        self._timeout_ms = timeout
        self._fed_ticks_ms = time.ticks_ms()

    def _watch(self) -> None:
        while time.ticks_diff(time.ticks_ms(), self._fed_ticks_ms) < self._timeout_ms:
            time.sleep_ms(_WATCHDOG_CHECK_MS)
        os.system("kill -USR2 $PPID")  # noqa: S605  # the shell's parent is the board


class Pin:
    """A pin and the part at it, if any."""

    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(
        self, number: int, mode: int = -1, pull: "int | None" = -1, *, value: "int | None" = None
    ) -> None:
        self.number = number
        self._pull = pull
        self._level = 0
        if value is not None:
            self.value(value)

    def init(self, mode: int = -1, pull: "int | None" = -1) -> None:
        """Set the pin up again."""
        self._pull = pull

    def value(self, level: "int | None" = None) -> "int | None":
        """Return the level, or drive it."""
        part = self.part()
        if level is None:
            if hasattr(part, "level"):
                return int(part.level(self._pull))
            return int(self._pull == self.PULL_UP)
        self._level = level
        if hasattr(part, "drive"):
            part.drive(level)
        return None

    def irq(self, handler: "Callable[[Pin], object]", trigger: int) -> None:
        """Have `handler` called at edges of `trigger`."""
        part = self.part()
        if hasattr(part, "watch"):
            part.watch(lambda: handler(self), trigger)

    def part(self) -> "Any":
        """Return what is at the pin; the stand-ins beside this ask it."""
        return parts.get(self.number)


class I2C:
    """The master of one bus; `chips` says who answers."""

    def __init__(
        self, bus: "int | tuple[int, int]", *, scl: Pin, sda: Pin, freq: int = 400_000
    ) -> None:
        self._bus = bus

    def writeto(self, address: int, data: bytes) -> int:
        """Write `data`; return how much of it was acknowledged."""
        self._chip(address).write(bytes(data))
        return len(data)

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        """Fill `buffer`."""
        buffer[:] = self._chip(address).read(len(buffer))

    def readfrom_mem(self, address: int, register: int, size: int) -> bytes:
        """Return `size` bytes from `register` on."""
        chip = self._chip(address)
        chip.write(bytes((register,)))
        return bytes(chip.read(size))

    def readfrom_mem_into(self, address: int, register: int, buffer: bytearray) -> None:
        """Fill `buffer` from `register` on."""
        buffer[:] = self.readfrom_mem(address, register, len(buffer))

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        """Write `data` from `register` on."""
        self._chip(address).write(bytes((register,)) + bytes(data))

    def _chip(self, address: int) -> "Any":
        place = (self._bus, address)
        chip = chips.get(place)
        if place in faults:
            raise OSError(faults[place])
        if chip is None:
            raise OSError(errno.ENODEV)  # what ESP32 raises where nobody acknowledges
        return chip


def reset() -> None:
    """End the process as a reset does: at once, with its own exit code."""
    sys.exit(RESET_EXIT_CODE)


def reset_cause() -> int:
    """Return why the board started."""
    return cause


def __getattr__(name: str) -> object:
    """Load what few boards ask for: it would take the heap of the others."""
    if name.startswith("_"):
        raise AttributeError(name)
    if name == "RTC":
        import rtc

        return rtc.RTC
    import peripherals

    return getattr(peripherals, name)
