"""Aosong DHT22 (AM2302): temperature, humidity, on a line of its own.

Frame by the data sheet AM2302 of Aosong, section 7. `dht_readinto` of MicroPython takes 0.3 s,
nearly all of it asleep: it runs in a thread, so that nobody waits for it.
"""

from tidenode.config import REQUIRED
from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.config import Spec

FIELDS = (("temperature_c", 1), ("humidity_percent", 1))
OPTIONS: "Spec" = (("pin", int, REQUIRED, 0, 48),)

_REST_MS = 2_050  # between two reads: two seconds, by clocks that tick apart; enough after power-on
_READ_MS = 300
_LOWEST_10_C = -400
_HIGHEST_10_C = 800
_FULL_10_PERCENT = 1_000


class Dht22:
    """A DHT22 at `pin`; `readinto(pin, buffer)` asks it, `start(function, arguments)` a thread.

    `time` is the VM's module.
    """

    def __init__(
        self,
        pin: "Any",
        name: str,
        *,
        readinto: "Callable[[Any, bytearray], None]",
        start: "Callable[[Callable[[int], None], tuple[int]], object]",
        time: "Any",
    ) -> None:
        self._pin = pin
        self._name = name
        self._readinto = readinto
        self._start = start
        self._time = time
        self._data = bytearray(5)
        self._asked_ticks_ms = time.ticks_ms()
        self._asking = False
        self._failure: object = None

    def begin(self) -> int:
        """Ask for a frame, after the rest that the chip needs; return the milliseconds."""
        if self._asking:
            raise self._error("still being asked")
        time = self._time
        since_ms = time.ticks_diff(time.ticks_ms(), self._asked_ticks_ms)
        rest_ms = _REST_MS - since_ms if 0 <= since_ms < _REST_MS else 0
        self._asking = True
        try:
            self._start(self._ask, (rest_ms,))
        except OSError as error:  # no room for a thread
            self._asking = False
            raise self._error(error)
        return rest_ms + _READ_MS

    def read(self) -> tuple[int, ...]:
        """Return 1/10 degrees Celsius and 1/10 % relative humidity."""
        if self._asking:
            raise self._error("slow")
        if self._failure:
            raise self._error(self._failure)
        data = self._data
        if sum(data[:4]) & 0xFF != data[4]:
            raise self._error("wrong checksum")
        humidity = data[0] << 8 | data[1]
        temperature = (data[2] & 0x7F) << 8 | data[3]
        if data[2] & 0x80:
            temperature = -temperature
        if humidity > _FULL_10_PERCENT or not _LOWEST_10_C <= temperature <= _HIGHEST_10_C:
            raise self._error("%d/10 C, %d/10 %% are beyond its range" % (temperature, humidity))
        return temperature, humidity

    def _ask(self, rest_ms: int) -> None:
        try:
            self._time.sleep_ms(rest_ms)
            self._failure = None
            self._readinto(self._pin, self._data)
        except Exception as error:  # a thread's outermost function: `read` raises it
            self._failure = error
        self._asked_ticks_ms = self._time.ticks_ms()  # not by when it should have been asked
        self._asking = False

    def _error(self, what: object) -> SensorError:
        return SensorError("DHT22 %s: %r" % (self._name, what))


def create(options: "dict[str, Any]", hardware: "Any") -> Dht22:
    """Return the sensor that `options` describe."""
    import _thread
    import time

    import dht

    number = options["pin"]
    return Dht22(
        hardware.Pin(number),
        "at pin %d" % number,
        readinto=dht.dht_readinto,
        start=_thread.start_new_thread,
        time=time,
    )
