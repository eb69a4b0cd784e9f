"""What few boards ask of the module `machine`, which loads it for them."""

import json
import os
import sys

from machine import I2C, Pin, parts

DEEPSLEEP_EXIT_CODE = 44  # how the host tells that it is to start the board again


class SoftI2C(I2C):
    """The same on two pins of its own."""

    def __init__(self, *, scl: Pin, sda: Pin, freq: int = 400_000) -> None:
        super().__init__((scl.number, sda.number), scl=scl, sda=sda, freq=freq)


class SPI:
    """The master of an SPI bus; the part that is selected answers."""

    def __init__(
        self,
        bus: int,
        baudrate: int = 500_000,
        *,
        polarity: int = 0,
        phase: int = 0,
        sck: "Pin | None" = None,
        mosi: "Pin | None" = None,
        miso: "Pin | None" = None,
    ) -> None:
        pass

    def readinto(self, buffer: bytearray) -> None:
        """Fill `buffer`."""
        for part in parts.values():
            if getattr(part, "selected", False):
                buffer[:] = part.send(len(buffer))
                return
        buffer[:] = b"\xff" * len(buffer)  # a line that floats, here up


class ADC:
    """The converter at a pin."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    _UV_MAX = (950_000, 1_250_000, 1_750_000, 3_100_000)

    def __init__(self, pin: Pin, *, atten: int = ATTN_0DB) -> None:
        self._pin = pin
        self._atten = atten

    def read_uv(self) -> int:
        """Return the voltage in microvolts, within what the attenuation lets be measured."""
        part = self._pin.part()
        volts_uv = int(part.microvolts()) if part else 0
        return min(max(volts_uv, 0), self._UV_MAX[self._atten])


def unique_id() -> bytes:
    """Return a MAC address of one's own making, by the seed of the simulation."""
    board = json.loads(os.getenv("TIDEGAUGE_BOARD") or "{}")
    return b"\x02\x00" + int(board.get("seed", 0)).to_bytes(4, "big")


def deepsleep(duration_ms: int) -> None:
    """End the process as a deep sleep does; whoever runs it lets it start again, so much later."""
    console = sys.modules.get("console")
    if console:
        console.report_sleep(duration_ms)
    sys.exit(DEEPSLEEP_EXIT_CODE)
