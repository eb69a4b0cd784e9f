"""The plan of one group: how its tags are coded, and the blocks that read them.

The plan learns: what a device turns out not to take is planned around, and asked for again only
after `AGAIN_S`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from tidegate.group import Group
from tidegate.modbus.address import parse_ranges
from tidegate.modbus.bisection import Lessons
from tidegate.modbus.errors import ModbusError
from tidegate.modbus.layout import Answer, Layout
from tidegate.modbus.planner import Block, Limits, Span, plan_blocks
from tidegate.modbus.value_type import ORDERS, Coding, coding_of, decimals_of
from tidegate.sample import Value

AGAIN_S = 600.0
UNIT_MAX = 255
TAG_OPTIONS = frozenset({"order", "length", "missing", "decimals", "write_function"})
GROUP_OPTIONS = frozenset({"order", "registers_max", "bits_max", "gap_max", "forbidden"})
WRITE_FUNCTIONS = ("5", "6", "15", "16", "22")


def check_group(group: Group) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a group, as (field, or "" for the group, text)."""
    order, limits = ORDERS[0], Limits()
    try:
        unit_of(group)
    except ModbusError as error:
        yield "", str(error)
    try:
        order = order_of(group)
        limits = limits_of(group, limits)
    except ModbusError as error:
        yield "", str(error)
    seen: list[tuple[Coding, str]] = []
    for tag in group.tags:
        try:
            coding = coding_of(tag, order)
            decimals_of(tag)
            _check_write_function(tag.options, coding)
        except ModbusError as error:
            yield tag.field, str(error)
            continue
        count_max = limits.count_max(coding.address.table)
        if coding.registers > count_max:
            yield tag.field, f"takes {coding.registers} registers, a request {count_max}"
        elif not limits.allows(coding.address.table, coding.address.number, coding.last):
            yield tag.field, f"{coding.address} is in a forbidden range"
        seen.append((coding, tag.field))
    yield from _overlaps(seen)


def unit_of(group: Group) -> int:
    """Return the unit's number; 1 where the group does not say."""
    text = group.unit or "1"
    if not text.isdecimal() or int(text) > UNIT_MAX:
        raise ModbusError(f"unit is {text!r}, not 0 to {UNIT_MAX}")
    return int(text)


def order_of(group: Group, default: str = "ABCD") -> str:
    """Return the byte order of the group's tags that name none."""
    order = group.options.get("order", default).upper()
    if order not in ORDERS:
        raise ModbusError(f"order {order!r} is not one of {', '.join(ORDERS)}")
    return order


def limits_of(group: Group, limits: Limits) -> Limits:
    """Return the connection's `limits` with what the group says of its device."""
    numbers = {}
    for name in ("registers_max", "bits_max", "gap_max"):
        text = group.options.get(name, "")
        if not text:
            continue
        low, high = int(name != "gap_max"), getattr(Limits(), name)
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ModbusError(f"{name} is {text!r}, not {low} to {high}")
        numbers[name] = int(text)
    forbidden = limits.forbidden + tuple(parse_ranges(group.options.get("forbidden", "")))
    return replace(limits, forbidden=forbidden, **numbers)


class GroupPlan:
    """How to read `group`; raises `ModbusError` for what can't be read."""

    def __init__(self, group: Group, limits: Limits, order: str = "ABCD") -> None:
        self.group, self.unit = group, unit_of(group)
        self._limits = limits_of(group, limits)
        default = order_of(group, order)
        self.codings = [coding_of(tag, default) for tag in group.tags]
        self._spans = [span_of(coding) for coding in self.codings]
        self._lessons = Lessons()
        self._learned_at_s = 0.0
        self._layout = self._planned()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Return the requests of one reading."""
        return self._layout.blocks

    @property
    def refused(self) -> frozenset[Span]:
        """Return what the device does not have."""
        return frozenset(self._lessons.refused)

    def decode(
        self, parts: Sequence[tuple[Block, Answer]]
    ) -> tuple[tuple[Value, ...], bytes | None]:
        """Return values and qualities of what was read; other parts than the plan's will do."""
        blocks = tuple(block for block, _ in parts)
        layout = self._layout
        if blocks != layout.blocks:
            layout = Layout(self.group.tags, self.codings, blocks)
        return layout.decode([answer for _, answer in parts])

    def learn(self, lessons: Lessons, now_s: float) -> None:
        """Plan anew, without what the device does not take."""
        self._lessons.add(lessons)
        self._learned_at_s = now_s
        self._layout = self._planned()

    def forgive(self, now_s: float) -> None:
        """Ask for everything again if what was learned is long ago: devices are changed."""
        if self._lessons and now_s - self._learned_at_s >= AGAIN_S:
            self._lessons = Lessons()
            self._layout = self._planned()

    def _planned(self) -> Layout:
        blocks = plan_blocks(self._spans, self._lessons.within(self._limits))
        return Layout(self.group.tags, self.codings, blocks)


def span_of(coding: Coding) -> Span:
    """Return what has to be read in one request."""
    return Span(coding.address.table, coding.address.number, coding.last)


def _check_write_function(options: Mapping[str, str], coding: Coding) -> None:
    function = options.get("write_function", "")
    if not function:
        return
    if function not in WRITE_FUNCTIONS:
        raise ModbusError(
            f"write_function is {function!r}, not one of {', '.join(WRITE_FUNCTIONS)}"
        )
    table = coding.address.table
    fits = {
        "coil": ("5", "15"),
        "holding": ("16",) if coding.registers > 1 else ("6", "16", "22"),
    }.get(table.label, ())
    if function not in fits:
        raise ModbusError(f"write_function {function} does not write {coding.address}")


def _overlaps(seen: Sequence[tuple[Coding, str]]) -> Iterator[tuple[str, str]]:
    """Tell of tags that share a part of their registers: a mistake of an address or a type.

    The same registers read whole by two tags are no mistake, nor are bits of a register.
    """
    ordered = sorted(
        (pair for pair in seen if pair[0].address.bits is None),
        key=lambda pair: (pair[0].address.table, pair[0].address.number, pair[0].registers),
    )
    for (before, name), (coding, field) in pairwise(ordered):
        same_table = before.address.table == coding.address.table
        if not same_table or coding.address.number > before.last:
            continue
        whole = before.address.number == coding.address.number and before.last == coding.last
        if not whole:
            there = f"{before.type} at {before.address}, to {before.last}"
            yield field, f"{coding.type} at {coding.address} overlaps {name}, {there}"
