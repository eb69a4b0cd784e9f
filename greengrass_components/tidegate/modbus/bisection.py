"""Find out what a device refuses, by halves, once; and what is to be learned from it.

Flow: refused block -> [bisection] -> parts that work, lessons for the plan
Bounded: a block of n spans takes at most some 2 * log2(n) requests for each span that the device
does not have.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from tidegate.modbus.address import Table
from tidegate.modbus.errors import REFUSALS, ModbusExceptionError
from tidegate.modbus.layout import Answer
from tidegate.modbus.planner import Block, Limits, Span, split

Read = Callable[[Block], Awaitable[Answer]]


@dataclass(slots=True)
class Lessons:
    """What a device does not take: spans of tags, holes between them, counts that are too large.

    `registers_max` and `bits_max` are None while nothing is known of them.
    """

    refused: set[Span] = field(default_factory=set)
    holes: set[Span] = field(default_factory=set)
    registers_max: int | None = None
    bits_max: int | None = None

    def __bool__(self) -> bool:
        return bool(self.refused or self.holes or self.registers_max or self.bits_max)

    def add(self, other: "Lessons") -> None:
        """Learn these too."""
        self.refused |= other.refused
        self.holes |= other.holes
        self.registers_max = other.registers_max or self.registers_max
        self.bits_max = other.bits_max or self.bits_max

    def within(self, limits: Limits) -> Limits:
        """Return `limits` with what is learned."""
        forbidden = tuple((one.table, one.first, one.last) for one in self.refused | self.holes)
        return replace(
            limits,
            registers_max=min(limits.registers_max, self.registers_max or limits.registers_max),
            bits_max=min(limits.bits_max, self.bits_max or limits.bits_max),
            forbidden=limits.forbidden + forbidden,
        )


@dataclass(slots=True)
class Bisection:
    """Of one refused block; `parts` are blocks that work, with their answers."""

    read: Read
    parts: list[tuple[Block, Answer]] = field(default_factory=list)
    lessons: Lessons = field(default_factory=Lessons)
    exceptions: int = 0

    async def run(self, block: Block) -> None:
        """Halve a block that the device has refused; raises what `read` raises."""
        halves = split(block)
        if halves is None:
            self.lessons.refused.update(block.spans)
            return
        both = True
        for half in halves:
            try:
                self.parts.append((half, await self.read(half)))
            except ModbusExceptionError as error:
                self.exceptions += 1
                both = False
                if error.code in REFUSALS:
                    await self.run(half)
                else:
                    self.parts.append((half, None))
        if both:
            self._learn(block, *halves)

    def _learn(self, block: Block, left: Block, right: Block) -> None:
        """Both halves work and the whole does not: it is the hole between, or the count."""
        end = left.first + left.count
        if right.first > end:
            self.lessons.holes.add(Span(block.table, end, right.first - 1))
            return
        count = max(left.count, right.count)
        if block.table in (Table.COIL, Table.DISCRETE):
            self.lessons.bits_max = count
        else:
            self.lessons.registers_max = count
