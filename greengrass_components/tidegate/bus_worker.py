"""Reads the groups of one physical bus, one after the other, and never two at once.

Flow: adapter -> [bus worker] -> samples
Bounded: one request under way; nothing queues here: what is not read in time is skipped, and
counted. A unit that does not answer costs one timeout per back-off window and no other unit's
sample; a command goes before the next reading. One sample without values tells that a unit went
silent; none follows until it is back.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidegate.adapter import Adapter, Deliver
from tidegate.breaker import Breaker
from tidegate.errors import BusDownError, GateError
from tidegate.group import Group, Urgency
from tidegate.quality import Quality
from tidegate.sample import Sample, Value
from tidegate.schedule import Schedule

log = logging.getLogger("tidegate.poller")

_BUSY_SLEEP_S = 0.0  # others run between two readings of a bus that is always late


class Clock(Protocol):
    """Seconds that never go back, and a wait."""

    def now_s(self) -> float:
        """Return the seconds."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own."""

    def now_s(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        await asyncio.sleep(delay_s)


@dataclass(slots=True)
class BusCounts:
    """What a bus has done since the start."""

    polls: int = 0
    failures: int = 0
    overruns: int = 0
    connects: int = 0
    busy_s: float = 0.0


class BusWorker:
    """The worker of one bus. `stretch` says by what periods are to be longer, 1.0 when all is
    well; `dice` spreads retries."""

    def __init__(
        self,
        *,
        name: str,
        adapter: Adapter,
        groups: Sequence[Group],
        deliver: Deliver,
        stretch: Callable[[], float] = lambda: 1.0,
        clock: Clock | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        dice: random.Random | None = None,
    ) -> None:
        self.name, self.adapter, self.groups = name, adapter, tuple(groups)
        self.counts = BusCounts()
        self._deliver, self._stretch = deliver, stretch
        self._clock: Clock = clock or SystemClock()
        self._clock_ns = clock_ns
        dice = dice or random.Random()  # noqa: S311  spread, no secret
        self.units = {group.unit: Breaker(dice) for group in groups}
        self._bus = Breaker(dice)
        self._silent: set[str] = set()
        self._is_connected = False
        self._lock = asyncio.Lock()

    @property
    def silent_units(self) -> frozenset[str]:
        """Return the units that don't answer."""
        return frozenset(self._silent)

    @property
    def is_up(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self._is_connected

    async def run(self) -> None:
        """Read until cancelled; closes the adapter then."""
        schedule = Schedule([g.period_ms / 1000 for g in self.groups], self._clock.now_s())
        try:
            while True:
                due_s, place = schedule.next()
                now_s = self._clock.now_s()
                await self._clock.sleep(max(_BUSY_SLEEP_S, due_s - now_s))
                group = self.groups[place]
                breaker = self.units[group.unit]
                if not breaker.may_try(self._clock.now_s()):
                    schedule.put_off(breaker.retry_at_s)
                    continue
                if not self._is_connected and not await self._connect():
                    schedule.put_off(self._bus.retry_at_s)
                    continue
                async with self._lock:
                    await self._read(group, breaker)
                missed = schedule.done(self._clock.now_s(), self._stretch_of(group))
                self.counts.overruns += missed
        finally:
            await self.adapter.close()

    async def write(self, group: Group, field: str, value: Value) -> None:
        """Write before the next reading; raises `GateError`."""
        async with self._lock:
            if not self._is_connected:
                raise BusDownError(f"{self.name} is not connected")
            await self.adapter.write(group, field, value)

    async def read(self, group: Group) -> Sample:
        """Read once, out of turn, as a look at what was written; raises `GateError`."""
        async with self._lock:
            if not self._is_connected:
                raise BusDownError(f"{self.name} is not connected")
            return await self.adapter.poll(group)

    async def _connect(self) -> bool:
        if not self._bus.may_try(self._clock.now_s()):
            return False
        try:
            await self.adapter.connect()
        except (GateError, OSError) as error:
            self._lose_bus(error)
            return False
        if self._bus.succeed():
            log.info("connected bus=%s", self.name)
        self._is_connected = True
        self.counts.connects += 1
        return True

    async def _read(self, group: Group, breaker: Breaker) -> None:
        began_s = self._clock.now_s()
        self.counts.polls += 1
        try:
            sample = await self.adapter.poll(group)
        except BusDownError as error:
            self.counts.failures += 1
            self._lose_bus(error)
        except (GateError, OSError) as error:
            self.counts.failures += 1
            self._lose_unit(group, breaker, error)
        else:
            breaker.succeed()
            if group.unit in self._silent:
                self._silent.discard(group.unit)
                log.info("unit answers again bus=%s unit=%s", self.name, group.unit)
            self._deliver(sample)
        self.counts.busy_s += self._clock.now_s() - began_s

    def _lose_unit(self, group: Group, breaker: Breaker, error: Exception) -> None:
        if breaker.fail(self._clock.now_s()):
            log.warning("unit does not answer bus=%s unit=%s: %s", self.name, group.unit, error)
        self._tell_silent(group.unit)
        if all(one.is_open for one in self.units.values()):
            self._is_connected = False  # it may be the connection: make it anew before the next try

    def _lose_bus(self, error: Exception) -> None:
        self._is_connected = False
        if self._bus.fail(self._clock.now_s()):
            log.warning("bus is down bus=%s: %s", self.name, error)
        for unit in self.units:
            self._tell_silent(unit)

    def _tell_silent(self, unit: str) -> None:
        """Deliver one sample without values for each group of the unit, once till it is back."""
        if unit in self._silent:
            return
        self._silent.add(unit)
        now_ns = self._clock_ns()
        for group in self.groups:
            if group.unit == unit:
                empty = (None,) * len(group.tags)
                qualities = bytes([Quality.BAD]) * len(group.tags)
                self._deliver(Sample(group, now_ns, now_ns, empty, qualities))

    def _stretch_of(self, group: Group) -> float:
        stretch = self._stretch()
        if stretch <= 1.0 or group.urgency is Urgency.HIGH:
            return 1.0
        return stretch if group.urgency is Urgency.LOW else stretch**0.5
