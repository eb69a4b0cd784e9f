"""Read one measurement's sensor at its period.

Flow: sensor -> [sampler] -> batcher
Deadlines are absolute, so that periods don't drift; those that passed while the board was
busy or the sensor was measuring, or at which it had no value yet, are counted as `missed`. A
failing sensor is counted in `errors` and tried again at the next deadline; it stops nobody
else, nor does one that takes its time. A driver that waits inside `read` stops the board, and
nothing but the watchdog can end it: `blocked_ms_max` tells who it was, and for how long, and
`mark` leaves its name to the start after the watchdog's bite.
"""

import asyncio

from tidenode.clock import SLEWED_MS_MAX
from tidenode.errors import SensorError
from tidewire.limits import INTEGER_MAX, INTEGER_MIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from tidenode.batcher import Batcher
    from tidenode.clock import Clock
    from tidenode.conditioning import Conditioner
    from tidenode.drivers import Sensor

BEGIN_MS_MAX = 60_000  # the slowest chips take seconds: what asks for more is at fault


class Sampler:
    """Sample `sensor` every `period_ms` into `batcher`.

    `sensor.read()` returns one integer, or None, per field; `sensor.begin()`, if it has that,
    the milliseconds to wait before. `sampled`, `errors` and `missed` count since the start.
    A sample is what `batcher.add` does not answer False for.
    `due_ms` is for the watchdog.
    """

    # What few samplers have, so that the others take no heap for it.
    missing: "tuple[int | None, ...] | None" = None  # the sample that stands for a failure
    measure: "Callable[[Sampler], Awaitable[bool]] | None" = None  # waits for the sensor
    mark: "Callable[[str], object] | None" = None  # is told whose driver runs; "" after it
    rest_ms = 0  # before the first sample; 0 when it is over

    def __init__(
        self,
        *,
        name: str,
        sensor: "Sensor",
        period_ms: int,
        clock: "Clock",
        batcher: "Batcher | Conditioner",
        warn: "Callable[[str], None]",
    ) -> None:
        self.name = name
        self.sampled = self.errors = self.missed = self.blocked_ms_max = 0
        self.due_ms: int | None = None
        self.sensor = sensor
        self._begin: Callable[[], object] | None = getattr(sensor, "begin", None)
        self._period_ms = period_ms
        self._clock = clock
        self.batcher: Any = batcher
        self._warn = warn
        self._last_ms = 0
        self._failing = False

    async def run(self) -> None:
        """Sample until cancelled."""
        if self.rest_ms:
            self.expect_ms(self.rest_ms)
            await asyncio.sleep_ms(self.rest_ms)  # type: ignore[attr-defined]  # MicroPython's
            self.rest_ms = 0
        due_ms = self._clock.monotonic_ms()
        while True:
            self.due_ms = due_ms
            await asyncio.sleep_ms(max(0, due_ms - self._clock.monotonic_ms()))  # type: ignore[attr-defined]  # MicroPython's
            wait_ms = self.begin()
            if wait_ms:
                self.expect_ms(wait_ms)
                # A tick more: the one it is now may be nearly over.
                await asyncio.sleep_ms(wait_ms + 1)  # type: ignore[attr-defined]  # MicroPython's
            if wait_ms is not None and (self.measure is None or await self.measure(self)):
                self.sample()
            elif self.missing is not None:
                self._take(self.missing)
            due_ms, missed = next_due_ms(due_ms, self._clock.monotonic_ms(), self._period_ms)
            self.missed += missed

    def begin(self) -> "int | None":
        """Have the sensor measure; return the milliseconds until `sample`, None after a failure."""
        if self._begin is None:
            return 0
        began_ms = self.enter()
        try:
            wait_ms = self._begin()
            if type(wait_ms) is not int or not 0 <= wait_ms <= BEGIN_MS_MAX:
                raise SensorError("a driver would wait %r of %d ms" % (wait_ms, BEGIN_MS_MAX))
        except Exception as error:  # drivers are written by users: none may end the loop
            self.fail(error)
            return None
        finally:
            self.leave(began_ms)
        return wait_ms

    def sample(self) -> None:
        """Take one sample now, or count why there is none."""
        began_ms = self.enter()
        try:
            values = self.sensor.read()
            _check(values, len(self.batcher.fields))
        except Exception as error:  # as above
            self.fail(error)
            if self.missing is not None:
                self._take(self.missing)
            return
        finally:
            self.leave(began_ms)
        self._failing = False
        if values.count(None) == len(values):
            self.missed += 1  # a chip's first moments: what holds no value is no sample
            return
        self._take(values)

    def expect_ms(self, wait_ms: int) -> None:
        """Have the watchdog wait so much longer."""
        self.due_ms = self._clock.monotonic_ms() + wait_ms

    def enter(self) -> int:
        """Note that the driver runs; return what `leave` wants to know."""
        if self.mark is not None:
            self.mark(self.name)
        return self._clock.monotonic_ms()

    def leave(self, began_ms: int) -> None:
        """Note that it runs no longer."""
        if self.mark is not None:
            self.mark("")
        blocked_ms = self._clock.monotonic_ms() - began_ms
        self.blocked_ms_max = max(self.blocked_ms_max, blocked_ms)

    def fail(self, error: Exception) -> None:
        """Count a failure, and tell the first of a row."""
        self.errors += 1
        if not self._failing:  # once per failure, not once per period
            self._warn("sensor failed measurement=%s: %r" % (self.name, error))
        self._failing = True

    def _take(self, values: "Sequence[int | None]") -> None:
        time_ms = self._clock.utc_ms()
        if 0 <= self._last_ms - time_ms <= SLEWED_MS_MAX:
            time_ms = self._last_ms + 1  # a store keeps one sample per instant
        self._last_ms = time_ms
        if self.batcher.add(time_ms, values) is not False:
            self.sampled += 1


def next_due_ms(due_ms: int, now_ms: int, period_ms: int) -> tuple[int, int]:
    """Return the first deadline after `now_ms` on the grid of `due_ms`, and those skipped."""
    missed = max(0, (now_ms - due_ms) // period_ms)
    return due_ms + (missed + 1) * period_ms, missed


def _check(values: object, fields: int) -> None:
    if not isinstance(values, (tuple, list)) or len(values) != fields:
        raise SensorError("a driver of %d fields answered %r" % (fields, values))
    for value in values:
        if value is None:
            continue
        if type(value) is not int or not INTEGER_MIN <= value <= INTEGER_MAX:
            raise SensorError("a driver answered %r, not an integer of 64 bits" % (value,))
