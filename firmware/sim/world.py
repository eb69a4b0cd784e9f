"""What is around the simulated board, as its chips ask for it."""

import asyncio
import time
from math import pi, sin

from weather import Weather

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WAVE_MS = (300_000, 120_000, 7_000, 60_000)


class World:
    """Weather of `seed`, waves and time."""

    def __init__(self, seed: int) -> None:
        self.weather = Weather(seed).at

    def now_ms(self) -> int:
        """Return the time."""
        return int(time.time_ns() // 1_000_000)

    def climate(self) -> "tuple[float, float]":
        """Return degrees Celsius and % relative humidity."""
        temperature_c, _, humidity_percent = self.weather(self.now_ms())
        return temperature_c, humidity_percent

    def wave(self, number: int) -> float:
        """Return 0 to 1, of one of four slow waves."""
        period_ms = _WAVE_MS[number]
        return 0.5 + 0.5 * sin(2 * pi * (self.now_ms() % period_ms) / period_ms)

    def place(self, options: "dict[str, Any]") -> "tuple[Any, int]":
        """Return bus and address of an I2C chip, as `machine.chips` has them."""
        bus = options["bus"]
        if bus < 0:
            bus = (options["scl_pin"], options["sda_pin"])
        return bus, options["address"]

    def every(self, period_ms: int, action: "Callable[[], None]") -> None:
        """Do `action` again and again."""
        asyncio.create_task(_repeat(period_ms, action))


async def _repeat(period_ms: int, action: "Callable[[], None]") -> None:
    while True:
        await asyncio.sleep_ms(period_ms)
        action()
