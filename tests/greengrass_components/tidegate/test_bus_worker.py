"""One worker per bus: what is dead costs little, what is late is counted, nothing is doubled."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.virtual_clock import VirtualClock
from tidegate.adapter import Deliver
from tidegate.bus_worker import BusWorker
from tidegate.errors import BusDownError, UnitSilentError
from tidegate.group import Group, Urgency
from tidegate.sample import Sample, Value
from tidegate.tag import Tag

TIMEOUT_S, ROUND_TRIP_S = 1.0, 0.005


class Device:
    """A bus whose time is a virtual clock's; it is as slow, dead or gone as it is told."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.dead: set[str] = set()
        self.down = False
        self.asked: Counter[str] = Counter()
        self.connects = self.closes = 0
        self.written: list[tuple[float, Value]] = []

    async def connect(self) -> None:
        self.connects += 1
        if self.down:
            raise BusDownError("gone")

    def plan(self, group: Group) -> Sequence[str]:
        return [group.measurement]

    async def poll(self, group: Group) -> Sample:
        self.asked[group.unit] += 1
        if self.down:
            raise BusDownError("gone")
        if group.unit in self.dead:
            await self.clock.sleep(TIMEOUT_S)
            raise UnitSilentError("no answer")
        await self.clock.sleep(ROUND_TRIP_S)
        return Sample(group, int(self.clock.at_s * 1e9), 0, (1,))

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        raise NotImplementedError

    async def write(self, group: Group, tag: str, value: Value) -> None:
        assert (group.unit, tag) == ("0", "a")
        self.written.append((self.clock.at_s, value))

    async def close(self) -> None:
        self.closes += 1


class Bench:
    """A worker, its device, and what it has delivered."""

    def __init__(self, units: int, *, urgency: Urgency = Urgency.NORMAL) -> None:
        self.clock = VirtualClock()
        self.device = Device(self.clock)
        self.samples: list[Sample] = []
        self.stretch = 1.0
        groups = [
            Group(
                thing="t", measurement=f"m{n}", unit=str(n), urgency=urgency,
                tags=(Tag(field="a", address=""),),
            )
            for n in range(units)
        ]  # fmt: skip
        self.worker = BusWorker(
            name="bus", adapter=self.device, groups=groups, deliver=self.samples.append,
            stretch=lambda: self.stretch, clock=self.clock,
            clock_ns=lambda: int(self.clock.at_s * 1e9), dice=random.Random(7),
        )  # fmt: skip

    async def run(self, seconds: float) -> None:
        """Let `seconds` of the virtual clock pass."""
        end_s = self.clock.at_s + seconds
        task = asyncio.create_task(self.worker.run())
        while self.clock.at_s < end_s and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def good(self) -> Counter[str]:
        return Counter(sample.group.unit for sample in self.samples if not sample.qualities)

    def bad(self) -> Counter[str]:
        return Counter(sample.group.unit for sample in self.samples if sample.qualities)


@in_loop
async def test_every_unit_is_read_once_in_its_period() -> None:
    bench = Bench(10)
    await bench.run(60)
    assert all(59 <= count <= 61 for count in bench.good().values())
    assert bench.worker.counts.overruns == 0
    assert bench.device.closes == 1


@in_loop
async def test_one_dead_unit_of_ten_costs_the_others_less_than_a_percent() -> None:
    bench = Bench(10)
    bench.device.dead = {"4"}
    await bench.run(600)
    good = bench.good()
    assert "4" not in good
    assert sum(good.values()) >= 0.99 * 9 * 600
    assert bench.bad() == {"4": 1}  # one sample tells it, at the transition
    assert bench.device.asked["4"] <= 6 + 600 / 30  # one timeout in each back-off window


@in_loop
async def test_a_unit_that_is_back_is_read_at_its_period_again() -> None:
    bench = Bench(2)
    bench.device.dead = {"1"}
    await bench.run(20)
    bench.device.dead = set()
    await bench.run(60)
    assert bench.good()["1"] >= 25
    bench.device.dead = {"1"}
    await bench.run(5)
    assert bench.bad()["1"] == 2  # each going is told, once


@in_loop
async def test_a_bus_that_is_down_tells_each_unit_once_and_comes_back() -> None:
    bench = Bench(3)
    await bench.run(5)
    bench.device.down = True
    await bench.run(30)
    assert bench.bad() == {"0": 1, "1": 1, "2": 1}
    assert bench.device.connects <= 9  # with back-off
    assert not bench.worker.is_up
    bench.device.down = False
    before = bench.good()
    await bench.run(70)
    assert all(bench.good()[unit] > before[unit] + 5 for unit in "012")
    assert bench.worker.is_up
    assert not bench.worker.silent_units


@in_loop
async def test_a_bus_whose_only_unit_is_silent_is_connected_anew_at_each_try_only() -> None:
    bench = Bench(1)
    bench.device.dead = {"0"}
    await bench.run(300)
    assert bench.device.connects == bench.device.asked["0"] <= 16


@in_loop
async def test_what_a_bus_can_not_carry_is_counted_and_shared_out_fairly() -> None:
    bench = Bench(400)  # two seconds of work each second
    await bench.run(30)
    counts = bench.good()
    assert max(counts.values()) - min(counts.values()) <= 2
    assert bench.worker.counts.overruns > 300 * 10


@in_loop
@pytest.mark.parametrize(
    ("urgency", "most"),
    [(Urgency.HIGH, 61), (Urgency.NORMAL, 31), (Urgency.LOW, 16)],
)
async def test_the_least_urgent_waits_most_when_the_disk_is_full(
    urgency: Urgency, most: int
) -> None:
    bench = Bench(1, urgency=urgency)
    bench.stretch = 4.0
    await bench.run(60)
    assert most - 2 <= bench.good()["0"] <= most


@in_loop
async def test_a_command_goes_before_the_next_reading() -> None:
    bench = Bench(50)
    task = asyncio.create_task(bench.worker.run())
    while not bench.samples:
        await asyncio.sleep(0)
    asked_s = bench.clock.at_s
    await bench.worker.write(bench.worker.groups[0], "a", 5)
    ((written_s, value),) = bench.device.written
    assert value == 5
    assert written_s - asked_s <= 2 * ROUND_TRIP_S + 1 / 50
    task.cancel()
    await asyncio.wait({task})


@in_loop
async def test_a_command_to_a_bus_that_is_down_is_refused() -> None:
    bench = Bench(1)
    with pytest.raises(BusDownError):
        await bench.worker.write(bench.worker.groups[0], "a", 5)
