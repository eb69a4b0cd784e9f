"""Which requests read a group at the least cost.

Pure. A request costs a fixed time and each value a little, so a hole between two tags is read
along where that is cheaper than a request more; how large a hole may be, `gap_max` says. Within
the limits of the protocol (125 registers, 2,000 bits), of the device, and of what it must not be
asked, the plan is the cheapest there is: one pass from left to right over all ways to cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.modbus.address import Table

REGISTERS_MAX = 125
BITS_MAX = 2_000
_ANY_HOLE = 1_000_000  # a request costs more than all the holes it may have
GAP_BITS = 16  # as many bits as a register take its place in an answer


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Neighbouring values that are read together or not at all; `last` is the last one's number."""

    table: Table
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` values from `first`, for the sake of `spans`."""

    table: Table
    first: int
    count: int
    spans: tuple[Span, ...]

    def __str__(self) -> str:
        last = self.first + self.count - 1
        return f"{self.table.label}:{self.first}" + (f"-{last}" if last > self.first else "")

    @property
    def holes(self) -> int:
        """Return how many values are read that nobody wants."""
        wanted, reached = 0, self.first
        for span in self.spans:
            start = max(span.first, reached)
            wanted += max(0, span.last + 1 - start)
            reached = max(reached, span.last + 1)
        return self.count - wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one device takes. `gap_max` is in registers, `REGISTERS_MAX` is whatever hole, so that
    requests are the fewest; `forbidden` has (table, first, last)."""

    registers_max: int = REGISTERS_MAX
    bits_max: int = BITS_MAX
    gap_max: int = REGISTERS_MAX
    forbidden: tuple[tuple[Table, int, int], ...] = ()

    def count_max(self, table: Table) -> int:
        """Return how many values one request may have."""
        return self.bits_max if table.is_bits else self.registers_max

    def allows(self, table: Table, first: int, last: int) -> bool:
        """Whether none of them is forbidden."""
        return not any(
            table == of and first <= end and last >= begin for of, begin, end in self.forbidden
        )


def plan_blocks(spans: Iterable[Span], limits: Limits) -> list[Block]:
    """Return the blocks, in order of table and number.

    A span that is forbidden, or longer than a request may be, is in none of them.
    """
    by_table: dict[Table, list[Span]] = {}
    for span in sorted(set(spans)):
        fits = span.last - span.first < limits.count_max(span.table)
        if fits and limits.allows(span.table, span.first, span.last):
            by_table.setdefault(span.table, []).append(span)
    return [
        block
        for table, of_table in sorted(by_table.items())
        for block in _cheapest(table, of_table, limits)
    ]


def split(block: Block) -> tuple[Block, Block] | None:
    """Return the block in two, at its largest hole, else in the middle; None for a single span."""
    places = range(1, len(block.spans))
    if not places:
        return None
    reached = block.spans[0].last
    holes: list[tuple[int, int, int]] = []
    for place in places:
        span = block.spans[place]
        holes.append((max(0, span.first - reached - 1), -abs(2 * place - len(block.spans)), place))
        reached = max(reached, span.last)
    _, _, place = max(holes)
    return _block(block.spans[:place]), _block(block.spans[place:])


def _cheapest(table: Table, spans: Sequence[Span], limits: Limits) -> list[Block]:
    """Cut the sorted spans where the sum of requests and holes is least."""
    count_max = limits.count_max(table)
    any_hole = limits.gap_max >= REGISTERS_MAX
    gap_max = _ANY_HOLE if any_hole else limits.gap_max
    request_cost = gap_max * (GAP_BITS if table.is_bits else 1)
    best = [0.0] * (len(spans) + 1)
    cuts = [0] * (len(spans) + 1)
    for end in range(1, len(spans) + 1):
        best[end] = float("inf")
        last = 0
        for start in range(end - 1, -1, -1):
            first, last = spans[start].first, max(last, spans[start].last)
            if last - first >= count_max or (
                limits.forbidden and not _joins(table, spans, start, end, limits)
            ):
                break
            cost = best[start] + request_cost + (last - first + 1)
            if cost <= best[end]:
                best[end], cuts[end] = cost, start
    blocks: list[Block] = []
    end = len(spans)
    while end:
        blocks.append(_block(spans[cuts[end] : end]))
        end = cuts[end]
    return blocks[::-1]


def _joins(table: Table, spans: Sequence[Span], start: int, end: int, limits: Limits) -> bool:
    """Whether the span at `start` may be read along with the next; a hole may be forbidden."""
    if start + 1 >= end:
        return True
    here, following = spans[start], spans[start + 1]
    if following.first <= here.last + 1:
        return True
    return limits.allows(table, here.last + 1, following.first - 1)


def _block(spans: Sequence[Span]) -> Block:
    first, last = spans[0].first, max(span.last for span in spans)
    return Block(spans[0].table, first, last - first + 1, tuple(spans))
