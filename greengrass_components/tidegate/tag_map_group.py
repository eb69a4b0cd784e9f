"""Groups and tags of a tag map: read, checked by themselves and by the adapter's kind."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.adapter_kind import AdapterKind
from tidegate.alarms import AlarmRule
from tidegate.errors import GateError
from tidegate.group import Group, Urgency
from tidegate.report import Report
from tidegate.tag import WRITE_CHARACTERS_MAX, Tag
from tidegate.tag_map_entry import Entry, Mistakes
from tidegate.yaml_lines import LinedMap
from tidewire.errors import WireError
from tidewire.names import check_field, check_measurement, check_thing

QUALITY_FIELD = "quality"
_REPORTS = (
    "on_change", "deadband", "deadband_percent", "swinging_door", "report_min_ms", "report_max_ms",
)  # fmt: skip
_TAG = (
    "field", "address", "type", "scale", "offset", "unit", "low", "high", "write_low",
    "write_high", "write_characters_max", "counter_bits", *_REPORTS,
)  # fmt: skip
_GROUP = ("measurement", "connection", "thing", "unit", "period_ms", "urgency", "alarms", "tags")
_ROW_GROUP = ("measurement", "connection", "thing", "unit_id", "period_ms", "urgency")
_ALARM = (
    "name", "field", "low", "high", "hysteresis", "on_delay_ms", "off_delay_ms", "latching",
    "severity",
)  # fmt: skip


@dataclass(slots=True)
class _Open:
    """A group whose tags are still being read, and where each of them stands."""

    entry: Entry
    connection: str
    thing: str
    measurement: str
    unit: str
    period_ms: int
    urgency: Urgency
    options: dict[str, str]
    alarms: tuple[AlarmRule, ...] = ()
    tags: list[tuple[Tag, Entry]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group, its connection's name, and where it stands."""

    group: Group
    connection: str
    line: int
    mistake: Callable[[str], None]


class GroupReader:
    """Takes groups of YAML and rows of CSV; `records` returns them all, checked."""

    def __init__(self, kind: AdapterKind, mistakes: Mistakes, thing: str, period_ms: int) -> None:
        self._kind, self._mistakes = kind, mistakes
        self._thing, self._period_ms = thing, period_ms
        self._groups: list[_Open] = []
        self._rows: dict[tuple[str, ...], _Open] = {}

    def read_group(self, entry: Entry) -> None:
        """Take a group of YAML."""
        opened = self._opened(entry, "unit", self._kind.group_options)
        opened.alarms = tuple(self._alarms(entry))
        for item, line in entry.items("tags"):
            if isinstance(item, LinedMap):
                tag_entry = Entry(item, entry.file, self._mistakes)
                self._add_tag(opened, tag_entry)
                tag_entry.finish((*_TAG, *sorted(self._kind.tag_options)))
            else:
                self._mistakes.add(entry.file, line, "a tag is a map with field and address")
        if not opened.tags:
            entry.mistake("tags", "are missing: a group has one at least")
        entry.finish((*_GROUP, *sorted(self._kind.group_options)))
        self._groups.append(opened)

    def read_row(self, entry: Entry) -> None:
        """Take a row of CSV: a tag, and the group it belongs to."""
        opened = self._opened(entry, "unit_id", self._kind.group_options - self._kind.tag_options)
        key = (opened.connection, opened.thing, opened.measurement, opened.unit)
        first = self._rows.get(key)
        if first is None:
            first = self._rows[key] = opened
            self._groups.append(opened)
        elif (first.period_ms, first.urgency) != (opened.period_ms, opened.urgency):
            entry.mistake(
                "period_ms",
                f"or urgency differ from those of line {first.entry.line}, the same group;"
                " tags with another period are another measurement",
            )
        self._add_tag(first, entry)
        entry.finish((*_ROW_GROUP, *_TAG, *sorted(self._kind.tag_options)))

    def records(self) -> list[GroupRecord]:
        """Return the groups; the kind has looked at each that is whole."""
        return [self._record(opened) for opened in self._groups]

    def _opened(self, entry: Entry, unit_key: str, options: frozenset[str]) -> _Open:
        measurement = entry.text("measurement")
        thing = entry.text("thing", self._thing)
        for key, name, check in (
            ("measurement", measurement, check_measurement),
            ("thing", thing, check_thing),
        ):
            try:
                if name:
                    check(name)
            except WireError as error:
                entry.mistake(key, f"is wrong: {error}")
        return _Open(
            entry=entry,
            connection=entry.text("connection", ""),
            thing=thing,
            measurement=measurement,
            unit=entry.text(unit_key, ""),
            period_ms=entry.integer("period_ms", self._period_ms, 1, 86_400_000),
            urgency=Urgency(entry.choice("urgency", tuple(Urgency), Urgency.NORMAL)),
            options=entry.rest(options),
        )

    def _add_tag(self, opened: _Open, entry: Entry) -> None:
        name = entry.text("field")
        try:
            if name:
                check_field(name)
        except WireError as error:
            entry.mistake("field", f"is wrong: {error}")
        if name == QUALITY_FIELD:
            entry.mistake(
                "field", f"{QUALITY_FIELD!r} is the gateway's own: it says how good it is"
            )
        if name in opened.lines:
            entry.mistake("field", f"{name} is the field of line {opened.lines[name]} too")
        elif name:
            opened.lines[name] = entry.line
        scale, offset = entry.number("scale", 1.0), entry.number("offset", 0.0)
        if scale == 0:
            entry.mistake("scale", "is 0: every value would be the same")
        bounds = _bounds(entry, "low", "high")
        write_bounds = _bounds(entry, "write_low", "write_high")
        tag = Tag(
            field=name,
            address=entry.text("address"),
            type=entry.text("type", ""),
            scale=scale if scale is not None else 1.0,
            offset=offset or 0.0,
            unit=entry.text("unit", ""),
            bounds=bounds,
            write_bounds=write_bounds,
            write_characters_max=self._characters_max(entry, write_bounds is not None),
            report=_report(entry, bounds),
            counter_bits=entry.integer("counter_bits", 0, 0, 64),
            options=entry.rest(self._kind.tag_options),
        )
        opened.tags.append((tag, entry))

    def _characters_max(self, entry: Entry, is_number: bool) -> int:
        key = "write_characters_max"
        characters = entry.integer(key, 0, 1, WRITE_CHARACTERS_MAX)
        if characters and not self._kind.writes_texts:
            entry.mistake(key, f"is of no use: texts can't be written by {self._kind.name}")
        elif characters and is_number:
            entry.mistake(key, "is for a text, and write_low for a number: give one of them")
        return characters

    def _alarms(self, group: Entry) -> list[AlarmRule]:
        rules: list[AlarmRule] = []
        for item, line in group.items("alarms"):
            if not isinstance(item, LinedMap):
                self._mistakes.add(
                    group.file, line, "an alarm is a map with name, field and limits"
                )
                continue
            entry = Entry(item, group.file, self._mistakes)
            try:
                rules.append(
                    AlarmRule(
                        name=entry.text("name"),
                        field=entry.text("field"),
                        low=entry.number("low"),
                        high=entry.number("high"),
                        hysteresis=entry.number("hysteresis", 0.0) or 0.0,
                        on_delay_ms=entry.integer("on_delay_ms", 0, 0, 86_400_000),
                        off_delay_ms=entry.integer("off_delay_ms", 0, 0, 86_400_000),
                        latching=entry.flag("latching"),
                        severity=entry.text("severity", "warning"),
                    )
                )
            except GateError as error:
                entry.mistake("", str(error))
            entry.finish(_ALARM)
        return rules

    def _record(self, opened: _Open) -> GroupRecord:
        group = Group(
            thing=opened.thing,
            measurement=opened.measurement,
            unit=opened.unit,
            period_ms=opened.period_ms,
            tags=tuple(tag for tag, _ in opened.tags),
            urgency=opened.urgency,
            alarms=opened.alarms,
            options=opened.options,
        )
        entries = {tag.field: entry for tag, entry in opened.tags}
        for rule in group.alarms:
            if rule.field not in entries:
                opened.entry.mistake("alarms", f"{rule.name}: there is no field {rule.field!r}")
        for name, text in self._kind.check(group):
            entries.get(name, opened.entry).mistake("", f"{name}: {text}" if name else text)

        def mistake(text: str) -> None:
            opened.entry.mistake("", text)

        return GroupRecord(group, opened.connection, opened.entry.line, mistake)


def _bounds(entry: Entry, low_key: str, high_key: str) -> tuple[float, float] | None:
    low, high = entry.number(low_key), entry.number(high_key)
    if low is None and high is None:
        return None
    if low is None or high is None:
        entry.mistake(low_key if low is None else high_key, "is missing: give both or none")
        return None
    if low >= high:
        entry.mistake(low_key, f"is {low:g}, and {high_key} is {high:g}: it has to be less")
        return None
    return low, high


def _report(entry: Entry, bounds: tuple[float, float] | None) -> Report | None:
    report = Report(
        on_change=entry.flag("on_change"),
        deadband=entry.number("deadband"),
        deadband_percent=entry.number("deadband_percent"),
        swinging_door=entry.number("swinging_door"),
        min_ms=entry.integer("report_min_ms", 0, 0, 86_400_000),
        max_ms=entry.integer("report_max_ms", 0, 0, 86_400_000),
    )
    rules = [report.on_change, *(
        one is not None for one in (report.deadband, report.deadband_percent, report.swinging_door)
    )]  # fmt: skip
    if sum(rules) > 1:
        entry.mistake("", "has several of on_change, deadband, deadband_percent, swinging_door")
        return None
    try:
        if report.rule(bounds) is None:
            return None
    except GateError as error:
        entry.mistake("", f"{error} (low, high)" if report.deadband_percent else str(error))
        return None
    return report
