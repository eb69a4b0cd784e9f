"""What is around the simulated board, as its chips ask for it: slow waves, some seeded noise."""

import asyncio
import time
from math import pi, sin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DAY_MS = 86_400_000
_GUST_MS = 300_000  # slow for a sensor, quick enough to be seen while one watches
_WAVE_MS = (300_000, 120_000, 7_000, 60_000)


class World:
    """Weather, waves and time; `seed` tells sites apart."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2_654_435_761 + 1) & 0x3FFFFFFF
        self._offset = seed % 97 / 97

    def weather(self, now_ms: int) -> "tuple[float, float, float]":
        """Return degrees Celsius, Pa and % relative humidity."""
        day = sin(2 * pi * (now_ms % _DAY_MS / _DAY_MS + self._offset))
        gust = sin(2 * pi * (now_ms % _GUST_MS / _GUST_MS + self._offset))
        return (
            19 + 5 * day + 0.8 * gust + 0.02 * self._noise(),
            101_325 - 900 * day + 60 * gust + 2 * self._noise(),
            52 - 14 * day - 3 * gust + 0.1 * self._noise(),
        )

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

    def _noise(self) -> float:
        """Return -1 to 1, of a linear congruential generator."""
        self._state = (self._state * 1_103_515_245 + 12_345) & 0x3FFFFFFF
        return (self._state >> 8 & 0xFFFF) / 32_768 - 1


async def _repeat(period_ms: int, action: "Callable[[], None]") -> None:
    while True:
        await asyncio.sleep_ms(period_ms)
        action()
