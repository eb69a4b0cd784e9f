"""From what Sparkplug nodes tell to rows: all metrics of a source, each with its last value.

A message tells what has changed; a row has every metric of the source's birth, and the worst
quality. What a node tells of the past (historical) is a row of its own, with nothing else in it.
Bounded: as `SparkplugHost`, and `COLUMNS_MAX` metrics a row go by parts, in the outbox.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.mqtt.errors import MessageError
from tidegate.mqtt.route import field_name, part_name
from tidegate.quality import Quality
from tidegate.sparkplug.host import Reading, Readings, Rebirth, Source, SparkplugHost
from tidegate.stream import Value

QUALITY_FIELD = "quality"
_GOOD = 192


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a source."""

    thing: str
    at_ms: int
    fields: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(slots=True)
class _Last:
    thing: str
    fields: dict[str, str] = field(default_factory=dict)  # by metric
    values: dict[str, Value] = field(default_factory=dict)
    qualities: dict[str, int] = field(default_factory=dict)


class SparkplugRows:
    """Makes rows of Sparkplug messages; things are named `<gateway>:<group>:<node>[:<device>]`."""

    def __init__(self, gateway: str) -> None:
        self.host = SparkplugHost()
        self._gateway = gateway
        self._last: dict[Source, _Last] = {}

    def take(
        self, topic: str, payload: bytes, received_at_ms: int
    ) -> tuple[list[Row], list[Rebirth]]:
        """Return rows, oldest first, and what nodes must be asked; raises `SparkplugError`."""
        rows: list[Row] = []
        rebirths: list[Rebirth] = []
        for meaning in self.host.take(topic, payload, received_at_ms):
            if isinstance(meaning, Rebirth):
                rebirths.append(meaning)
            else:
                rows += self._rows(meaning)
        return rows, rebirths

    def _rows(self, told: Readings) -> Iterator[Row]:
        last = self._last.get(told.source)
        if last is None:
            thing = part_name(self._gateway, str(told.source).replace("/", ":"))
            if not thing:
                raise MessageError("name", f"no thing can be named after {told.source}")
            last = self._last[told.source] = _Last(thing)
        for reading in told.readings:
            if reading.name not in last.fields:
                last.fields[reading.name] = _free(reading.name, set(last.fields.values()))
        past = [one for one in told.readings if one.historical]
        for at_ms in sorted({one.at_ms for one in past}):
            yield self._past(last, at_ms, [one for one in past if one.at_ms == at_ms])
        now = [one for one in told.readings if not one.historical]
        for at_ms in sorted({one.at_ms for one in now}):
            for one in now:
                if one.at_ms == at_ms:
                    last.values[one.name] = one.value
                    last.qualities[one.name] = _quality(one)
            yield _row(last, at_ms, last.values, last.qualities)

    @staticmethod
    def _past(last: _Last, at_ms: int, readings: list[Reading]) -> Row:
        values = {one.name: one.value for one in readings}
        return _row(last, at_ms, values, {one.name: _quality(one) for one in readings})


def _row(last: _Last, at_ms: int, values: dict[str, Value], qualities: dict[str, int]) -> Row:
    names = sorted(last.fields)
    worst = max(qualities.values(), default=int(Quality.GOOD))
    return Row(
        last.thing,
        at_ms,
        (*(last.fields[name] for name in names), QUALITY_FIELD),
        (*(values.get(name) for name in names), worst),
    )


def _quality(reading: Reading) -> int:
    return int(Quality.GOOD if reading.quality == _GOOD else Quality.BAD)  # a row takes no enum


def _free(metric: str, taken: set[str]) -> str:
    """Return a field's name for a metric that no other has."""
    base = field_name(metric) or "metric"
    if base == QUALITY_FIELD:
        base = f"{QUALITY_FIELD}_"
    name, number = base, 2
    while name in taken:
        name, number = f"{base[:58]}_{number}", number + 1
    return name
