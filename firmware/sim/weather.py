"""What the simulated sensors find outside: slow waves and a little seeded noise."""

from math import pi, sin

_DAY_MS = 86_400_000
_GUST_MS = 300_000  # slow for a sensor, quick enough to be seen while one watches


class Weather:
    """Temperature, pressure and humidity as functions of the time; `seed` tells sites apart."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2_654_435_761 + 1) & 0x3FFFFFFF
        self._offset = seed % 97 / 97

    def at(self, now_ms: int) -> "tuple[float, float, float]":
        """Return degrees Celsius, Pa and % relative humidity."""
        day = sin(2 * pi * (now_ms % _DAY_MS / _DAY_MS + self._offset))
        gust = sin(2 * pi * (now_ms % _GUST_MS / _GUST_MS + self._offset))
        return (
            19 + 5 * day + 0.8 * gust + 0.02 * self._noise(),
            101_325 - 900 * day + 60 * gust + 2 * self._noise(),
            52 - 14 * day - 3 * gust + 0.1 * self._noise(),
        )

    def _noise(self) -> float:
        """Return -1 to 1, of a linear congruential generator."""
        self._state = (self._state * 1_103_515_245 + 12_345) & 0x3FFFFFFF
        return (self._state >> 8 & 0xFFFF) / 32_768 - 1
