"""An Aosong DHT22, frame by frame (data sheet AM2302, section 7)."""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_REST_MS = 2_000


class Dht22:
    """The chip; `climate()` returns degrees Celsius and % relative humidity."""

    def __init__(
        self, climate: "Callable[[], tuple[float, float]]", now_ms: "Callable[[], float]"
    ) -> None:
        self._climate = climate
        self._now_ms = now_ms
        self.power_on()

    def power_on(self) -> None:
        """Begin as after a loss of power."""
        self._rested_ms = self._now_ms() + _REST_MS

    def frame(self) -> bytes:
        """Return the frame, or stay silent for who asks too soon."""
        now_ms = self._now_ms()
        if now_ms < self._rested_ms:
            raise OSError(errno.ETIMEDOUT)
        self._rested_ms = now_ms + _REST_MS
        temperature_c, humidity_percent = self._climate()
        humidity = round(humidity_percent * 10)
        temperature = round(abs(temperature_c) * 10) | (0x8000 if temperature_c < 0 else 0)
        frame = bytes((humidity >> 8, humidity & 255, temperature >> 8, temperature & 255))
        return frame + bytes((sum(frame) & 255,))


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a DHT22 at its pin of `board`."""
    board.parts[options["pin"]] = Dht22(world.climate, world.now_ms)
