"""Turn the blocks of one reading into the values of a group, all at once.

Pure. For each block one precompiled `struct` takes all values out of the answer: into a tuple,
then in the tags' order by one call; no object is made for a tag. The four byte orders are two
packings of the registers and two formats.
"""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from typing import Any

from tidegate.float32 import shortest
from tidegate.modbus.planner import Block
from tidegate.modbus.value_type import Coding, decimals_of
from tidegate.quality import Quality
from tidegate.sample import Value
from tidegate.tag import Tag

Answer = Sequence[int] | Sequence[bool] | None  # of a block; None where it has none
_DENOMINATOR_MAX = 10**9
# Of each order: how registers are packed, and how values are read from that.
_PACKINGS = {"ABCD": (">", ">"), "DCBA": (">", "<"), "BADC": ("<", ">"), "CDAB": ("<", "<")}
_HOLE = -1


@dataclass(frozen=True, slots=True)
class _Pass:
    """One walk through an answer: values that don't overlap and have one byte order."""

    pack: Callable[..., bytes]
    unpack: Callable[[bytes], tuple[Any, ...]]
    columns: int


@dataclass(slots=True)
class _BlockPlan:
    block: Block
    passes: list[_Pass]
    columns: int


class Layout:
    """The layout of a group: `tags` and `codings` in order, `blocks` of its plan."""

    def __init__(
        self, tags: Sequence[Tag], codings: Sequence[Coding], blocks: Sequence[Block]
    ) -> None:
        self.blocks = tuple(blocks)
        self._plans: list[_BlockPlan] = []
        columns: dict[tuple[int, str, str], int] = {}  # place of a raw value in the whole tuple
        total = 0
        for number, block in enumerate(blocks):
            plan, placed = _plan(block, codings)
            for key, place in placed.items():
                columns[(number, *key)] = total + place
            total += plan.columns
            self._plans.append(plan)
        places = [self._place(coding, columns, total) for coding in codings]
        self._pick = _picker(places)
        self._total = total
        self._finish = [
            (place, finish)
            for place, (tag, coding) in enumerate(zip(tags, codings, strict=True))
            if (finish := _finisher(tag, coding))
        ]
        self._floats = any(coding.is_float for coding in codings)
        self._all_float = all(coding.is_float for coding in codings)

    def decode(self, answers: Sequence[Answer]) -> tuple[tuple[Value, ...], bytes | None]:
        """Return the values in the tags' order and their qualities, None when all are good."""
        raw: tuple[Any, ...] = ()
        failed = False
        for plan, answer in zip(self._plans, answers, strict=True):
            if answer is None:
                raw += (None,) * plan.columns
                failed = True
            elif plan.block.table.is_bits:
                raw += tuple(answer[: plan.columns])
            else:
                for one in plan.passes:
                    raw += one.unpack(one.pack(*answer))
        values = self._pick((*raw, None))
        if self._finish:
            finished = list(values)
            for place, finish in self._finish:
                value = finished[place]
                if value is not None:
                    finished[place] = finish(value)
            values = tuple(finished)
        if failed or self._may_miss(values):
            return _with_qualities(values)
        return values, None

    def _may_miss(self, values: tuple[Value, ...]) -> bool:
        """Whether a value could be missing, or be a float that is no number."""
        if self._all_float and None not in values:
            return not math.isfinite(sum(values))  # type: ignore[arg-type]  # all are floats
        return None in values or (
            self._floats and any(isinstance(v, float) and not math.isfinite(v) for v in values)
        )

    def _place(self, coding: Coding, columns: dict[tuple[int, str, str], int], nowhere: int) -> int:
        for number, block in enumerate(self.blocks):
            if _holds(block, coding):
                return columns[(number, *_key(coding))]
        return nowhere


def _with_qualities(values: tuple[Value, ...]) -> tuple[tuple[Value, ...], bytes | None]:
    sound = tuple(
        None if isinstance(value, float) and not math.isfinite(value) else value for value in values
    )
    qualities = bytes(Quality.BAD if value is None else Quality.GOOD for value in sound)
    return sound, qualities if any(qualities) else None


def _holds(block: Block, coding: Coding) -> bool:
    number = coding.address.number
    return (
        block.table == coding.address.table
        and block.first <= number
        and coding.last < block.first + block.count
    )


def _key(coding: Coding) -> tuple[str, str]:
    """Name the raw value of a coding within its block: tags may share one, as bits do."""
    return f"{coding.address.number}", f"{coding.order}{coding.code}"


def _plan(block: Block, codings: Sequence[Coding]) -> tuple[_BlockPlan, dict[tuple[str, str], int]]:
    within = [coding for coding in codings if _holds(block, coding)]
    if block.table.is_bits:
        placed = {_key(one): one.address.number - block.first for one in within}
        return _BlockPlan(block, [], block.count), placed
    placed = {}
    passes: list[_Pass] = []
    total = 0
    for order in _PACKINGS:
        wanted = {_key(one): one for one in within if one.order == order}
        for walk in _walks(wanted):
            passes.append(_pass(block, order, [wanted[key] for key in walk]))
            for place, key in enumerate(walk):
                placed[key] = total + place
            total += len(walk)
    return _BlockPlan(block, passes, total), placed


def _walks(wanted: dict[tuple[str, str], Coding]) -> Iterator[list[tuple[str, str]]]:
    """Yield keys by rising address, those that overlap in different walks."""
    left = sorted(wanted, key=lambda key: (wanted[key].address.number, wanted[key].registers))
    while left:
        walk: list[tuple[str, str]] = []
        later: list[tuple[str, str]] = []
        reached = _HOLE
        for key in left:
            if wanted[key].address.number > reached:
                walk.append(key)
                reached = wanted[key].last
            else:
                later.append(key)
        yield walk
        left = later


def _pass(block: Block, order: str, codings: Sequence[Coding]) -> _Pass:
    packing, reading = _PACKINGS[order]
    parts, reached = [reading], block.first
    for coding in codings:
        gap = coding.address.number - reached
        parts.append(f"{2 * gap}x" if gap else "")
        parts.append(coding.code)
        reached = coding.last + 1
    rest = block.first + block.count - reached
    parts.append(f"{2 * rest}x" if rest else "")
    packer, reader = struct.Struct(f"{packing}{block.count}H"), struct.Struct("".join(parts))
    return _Pass(packer.pack, reader.unpack, len(codings))


def _picker(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if list(places) == list(range(len(places))):
        end = len(places)
        return lambda raw: raw[:end]
    if len(places) == 1:
        place = places[0]
        return lambda raw: (raw[place],)
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] = itemgetter(*places)
    return pick


def _finisher(tag: Tag, coding: Coding) -> Callable[[Any], Value] | None:
    """Return what makes the value of the raw one, None where it is the value already."""
    if coding.address.table.is_bits:
        return bool
    steps = list(_steps(tag, coding))
    if len(steps) <= 1:
        return steps[0] if steps else None

    def finish(value: Any) -> Value:
        for step in steps:
            if value is None:
                return None
            value = step(value)
        found: Value = value
        return found

    return finish


def _steps(tag: Tag, coding: Coding) -> Iterator[Callable[[Any], Value]]:
    if coding.missing is not None:
        yield _missing_as_none(coding.missing)
    if coding.address.bits is not None:
        yield _bits(coding)
    elif coding.type == "string":
        yield _text
    elif coding.type.startswith("bcd"):
        yield _bcd
    elif coding.type == "float32":
        yield shortest
    if tag.is_scaled:
        yield _scaling(tag, coding)
    decimals = decimals_of(tag)
    if decimals is not None:
        yield lambda value: round(value, decimals)


def _missing_as_none(missing: int) -> Callable[[Any], Value]:
    return lambda value: None if value == missing else value


def _bits(coding: Coding) -> Callable[[Any], Value]:
    low, high = coding.address.bits or (0, 15)
    mask = (1 << (high - low + 1)) - 1
    if coding.type == "bool":
        return lambda value: bool(value >> low & 1)
    return lambda value: value >> low & mask


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode("utf-8", errors="replace").strip()


def _bcd(value: int) -> int | None:
    text = f"{value:x}"
    return int(text) if text.isdecimal() else None


def _scaling(tag: Tag, coding: Coding) -> Callable[[Any], Value]:
    """Scale whole numbers by one division, so that 213 by 0.1 is 21.3 and not 21.3 and a bit."""
    scale, offset = Fraction(repr(tag.scale)), Fraction(repr(tag.offset))
    below = math.lcm(scale.denominator, offset.denominator)
    if coding.is_float or below > _DENOMINATOR_MAX:
        return tag.real
    times, more = int(scale * below), int(offset * below)
    if below == 1:
        return lambda value: value * times + more
    return lambda value: (value * times + more) / below
