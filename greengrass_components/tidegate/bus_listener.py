"""Listens to a bus whose devices tell changes by themselves.

Flow: adapter ~subscriptions~> [bus listener] -> samples
The adapter comes back from lost connections by itself; what ends it nevertheless is logged, and
it is begun again with back-off.
"""

import logging
import random
from collections.abc import Sequence

from tidegate.adapter import Adapter, Deliver
from tidegate.breaker import Breaker
from tidegate.bus_worker import BusCounts, BusWorker, Clock, SystemClock
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.sample import Sample, Value

log = logging.getLogger("tidegate.listener")


class BusListener:
    """The listener of one bus; to the outside it is what a `BusWorker` is."""

    def __init__(
        self,
        *,
        name: str,
        adapter: Adapter,
        groups: Sequence[Group],
        deliver: Deliver,
        clock: Clock | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self.name, self.adapter, self.groups = name, adapter, tuple(groups)
        self.counts = BusCounts()
        self._deliver = deliver
        self._clock: Clock = clock or SystemClock()
        self._breaker = Breaker(dice or random.Random())  # noqa: S311  spread, no secret
        self.units = dict.fromkeys(group.unit for group in groups)

    @property
    def silent_units(self) -> frozenset[str]:
        """Return the units that don't answer."""
        return frozenset(self.units) if self._breaker.is_open else frozenset()

    @property
    def is_up(self) -> bool:
        """Whether it has not failed lately."""
        return not self._breaker.is_open

    async def run(self) -> None:
        """Listen until cancelled; closes the adapter then."""
        try:
            while True:
                try:
                    self.counts.connects += 1
                    await self.adapter.subscribe(self.groups, self._take)
                except (GateError, OSError) as error:
                    self.counts.failures += 1
                    if self._breaker.fail(self._clock.now_s()):
                        log.warning("can't listen bus=%s: %s", self.name, error)
                else:
                    self._breaker.fail(self._clock.now_s())
                await self._clock.sleep(max(0.0, self._breaker.retry_at_s - self._clock.now_s()))
        finally:
            await self.adapter.close()

    async def write(self, group: Group, field: str, value: Value) -> None:
        """Write; raises `GateError`."""
        await self.adapter.write(group, field, value)

    async def read(self, group: Group) -> Sample:
        """Read once; raises `GateError`."""
        return await self.adapter.poll(group)

    def _take(self, sample: Sample) -> None:
        self.counts.polls += 1
        self._breaker.succeed()
        self._deliver(sample)


AnyBus = BusWorker | BusListener
