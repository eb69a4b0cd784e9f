"""Modbus as the poller sees it: whole groups, read in the fewest requests.

Flow: device -> link -> [adapter] -> sample
A unit that has just been silent gets less time to answer when it is asked again, so that it
costs the others on its bus little.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from tidegate.adapter import Deliver
from tidegate.errors import UnitSilentError
from tidegate.group import Group
from tidegate.modbus.address import Table
from tidegate.modbus.bisection import Bisection, Lessons
from tidegate.modbus.errors import REFUSALS, ModbusError, ModbusExceptionError
from tidegate.modbus.function import Function
from tidegate.modbus.group_plan import GroupPlan
from tidegate.modbus.layout import Answer
from tidegate.modbus.link import Link
from tidegate.modbus.planner import Block
from tidegate.modbus.settings import TCP, ModbusSettings
from tidegate.modbus.write import Write, write_of
from tidegate.sample import Sample, Value

log = logging.getLogger("tidegate.modbus")

PROBE_S_MIN = 0.2
PROBE_ROUND_TRIPS = 10  # of the slowest answer of late: time enough for a unit that is there
_FADE = 0.99  # how slowly the slowest answer is forgotten


class ModbusAdapter:
    """The adapter of one connection; `exceptions` and `refused` count over all units."""

    def __init__(
        self, settings: ModbusSettings, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._settings, self._clock_ns = settings, clock_ns
        self._link = Link(settings)
        self._plans: dict[Group, GroupPlan] = {}
        self._silent: set[int] = set()
        self._slowest_s = 0.0
        self.exceptions = 0

    async def connect(self) -> None:
        """Connect anew; raises `BusDownError`."""
        await self._link.connect()

    async def close(self) -> None:
        """Hang up; never raises."""
        self._link.close()

    def plan(self, group: Group) -> Sequence[str]:
        """Return the requests of one reading, a line each; raises `ModbusError`."""
        return [
            f"read {block}, {block.count} values"
            + (f", {block.holes} of them unwanted" if block.holes else "")
            for plan in (self.plan_of(group),)
            for block in plan.blocks
        ]

    def plan_of(self, group: Group) -> GroupPlan:
        """Return the group's plan, made when it is first asked for; raises `ModbusError`."""
        plan = self._plans.get(group)
        if plan is None:
            settings = self._settings
            plan = self._plans[group] = GroupPlan(group, settings.limits, settings.order)
        return plan

    async def poll(self, group: Group) -> Sample:
        """Read the group once; its instant is the middle of its requests and answers.

        Raises `BusDownError`, and `UnitSilentError` when the unit answers nothing at all. What it
        refuses, or does not answer although it answers others, is BAD.
        """
        plan = self.plan_of(group)
        plan.forgive(time.monotonic())
        began_ns = self._clock_ns()
        parts: list[tuple[Block, Answer]] = []
        lessons = Lessons()
        lost = 0
        for block in plan.blocks:
            try:
                # One block may be lost; a unit that dies on the way must not cost more than that.
                may_be_dead = not parts or lost > 0
                answer = await self._read(plan.unit, block, may_be_dead=may_be_dead)
                lost += answer is None
                parts.append((block, answer))
            except ModbusExceptionError as error:
                self.exceptions += 1
                if error.code in REFUSALS:
                    parts += await self._bisect(plan.unit, block, lessons)
                else:
                    parts.append((block, None))
        ended_ns = self._clock_ns()
        self._silent.discard(plan.unit)
        values, qualities = plan.decode(parts)
        if lessons:
            plan.learn(lessons, time.monotonic())
            names = ", ".join(f"{one.table.label}:{one.first}" for one in sorted(lessons.refused))
            log.warning(
                "device refuses a part of the plan unit=%d measurement=%s requests=%d refused=%s",
                plan.unit, group.measurement, len(plan.blocks), names or "only larger requests",
            )  # fmt: skip
        return Sample(group, (began_ns + ended_ns) // 2, ended_ns, values, qualities)

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:  # noqa: ARG002  the protocol's
        """Raise `ModbusError`: a Modbus device tells nothing by itself."""
        raise ModbusError("a Modbus device tells no changes: poll it")

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write the value of a field; raises `GateError`.

        A coil by function 5, a register by 6, several by 16, bits of a register by 22, or, where
        the device does not know that, by reading it before; the tag may name another.
        """
        plan = self.plan_of(group)
        place = next((i for i, one in enumerate(group.tags) if one.field == tag), None)
        if place is None:
            raise ModbusError(f"{group.measurement} has no field {tag}")
        wanted = write_of(group.tags[place], plan.codings[place], value)
        timeout_s = self._settings.timeout_ms / 1000
        if wanted.function is Function.MASK_WRITE:
            await self._write_bits(plan.unit, wanted, timeout_s)
            return
        values: list[int] | list[bool] = list(wanted.registers)
        if wanted.table is Table.COIL:
            values = [bool(one) for one in values]
        several = wanted.function in (Function.WRITE_COILS, Function.WRITE_REGISTERS)
        await self._link.write(
            plan.unit, wanted.table, wanted.number, values, timeout_s, several=several
        )

    def health(self) -> Mapping[str, int | float]:
        """Return counts for the health measurement."""
        return {
            "requests": self._link.requests,
            "exceptions": self.exceptions,
            "tags_refused": sum(len(plan.refused) for plan in self._plans.values()),
            "round_trip_ms_max": round(self._slowest_s * 1000, 1),
        }

    async def _read(self, unit: int, block: Block, *, may_be_dead: bool) -> Answer:
        """Read one block; a unit that has answered in this poll gets a second chance.

        Not on RTU: without transaction numbers its late answer would be taken for the next one.
        """
        try:
            return await self._ask(unit, block)
        except UnitSilentError:
            if may_be_dead or self._settings.transport != TCP:
                self._silent.add(unit)
                raise
        try:
            return await self._ask(unit, block)
        except UnitSilentError as error:
            log.warning("no answer unit=%d block=%s: %s", unit, block, error)
            return None

    async def _ask(self, unit: int, block: Block) -> Answer:
        timeout_s = self._settings.timeout_ms / 1000
        if unit in self._silent:
            probe_s = max(PROBE_S_MIN, PROBE_ROUND_TRIPS * self._slowest_s)
            timeout_s = min(timeout_s, probe_s)
        began_s = time.monotonic()
        answer = await self._link.read(unit, block.table, block.first, block.count, timeout_s)
        self._slowest_s = max(time.monotonic() - began_s, self._slowest_s * _FADE)
        return answer

    async def _bisect(
        self, unit: int, block: Block, lessons: Lessons
    ) -> list[tuple[Block, Answer]]:
        """Return the parts of a refused block that the device answers; adds to `lessons`."""

        async def read(half: Block) -> Answer:
            return await self._read(unit, half, may_be_dead=False)

        bisection = Bisection(read)
        await bisection.run(block)
        self.exceptions += bisection.exceptions
        lessons.add(bisection.lessons)
        return bisection.parts

    async def _write_bits(self, unit: int, wanted: Write, timeout_s: float) -> None:
        and_mask, or_mask = wanted.registers
        try:
            await self._link.write_mask(unit, wanted.number, and_mask, or_mask, timeout_s)
        except ModbusExceptionError as error:
            if error.code != 1 or wanted.is_explicit:
                raise
            (before,) = await self._link.read(unit, wanted.table, wanted.number, 1, timeout_s)
            after = (int(before) & and_mask) | (or_mask & ~and_mask)
            await self._link.write(
                unit, wanted.table, wanted.number, [after], timeout_s, several=False
            )
