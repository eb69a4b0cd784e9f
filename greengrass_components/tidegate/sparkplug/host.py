"""What a host application remembers of Sparkplug nodes: names behind aliases, order, life.

Pure: `take` gets a message and its time, and returns what it means. Flow: MQTT -> [host] ->
samples, and requests for a rebirth. Bounded: `DEVICES_MAX` nodes and devices, `METRICS_MAX`
metrics each; beyond that a birth is refused with an error that the caller counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.sparkplug.payload import (
    METRICS_MAX,
    DataType,
    Metric,
    Payload,
    SparkplugError,
    decode,
    encode,
    typed,
)

NAMESPACE = "spBv1.0"
DEVICES_MAX = 4096
REBIRTH_EVERY_MS = 10_000  # a node that can't answer is not asked more often
_SEQUENCES = 256
_BAD, _GOOD, _STALE = 0, 192, 500
_TYPES = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA")


@dataclass(frozen=True, slots=True)
class Source:
    """A node, or a device behind it (`device` not empty)."""

    group: str
    node: str
    device: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.group, self.node, self.device) if part)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric with its name and type; `quality` is 0 bad, 192 good, 500 stale."""

    name: str
    value: int | float | bool | str | None
    at_ms: int
    quality: int
    historical: bool


@dataclass(frozen=True, slots=True)
class Readings:
    """What one message says of one source."""

    source: Source
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Rebirth:
    """The node must be asked to tell everything anew: publish `payload` to `topic`."""

    topic: str
    payload: bytes
    why: str


Meaning = Readings | Rebirth


@dataclass(slots=True)
class _Known:
    names: dict[int, str] = field(default_factory=dict)  # by alias
    types: dict[str, DataType] = field(default_factory=dict)
    alive: bool = False


@dataclass(slots=True)
class _Node:
    sequence: int | None = None
    birth_death_sequence: int | None = None
    asked_at_ms: int = -REBIRTH_EVERY_MS


class SparkplugHost:
    """Keeps every node and device that has told its birth.

    `skipped` counts values that are no single value: data sets, templates, arrays, bytes.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._known: dict[Source, _Known] = {}
        self._nodes: dict[Source, _Node] = {}

    def take(self, topic: str, data: bytes, received_at_ms: int) -> list[Meaning]:
        """Return what a message means; raises `SparkplugError` for one that is none."""
        kind, source = parse_topic(topic)
        if kind not in _TYPES:
            return []
        payload = decode(data)
        node_source = Source(source.group, source.node)
        node = self._node(node_source)
        if kind == "NDEATH":
            return self._death(node_source, node, payload, received_at_ms)
        out: list[Meaning] = []
        if kind == "NBIRTH":
            node.sequence = payload.sequence
            node.birth_death_sequence = _birth_death_sequence(payload)
        elif not self._in_order(node, payload):
            out += self._rebirth(node_source, node, received_at_ms, "a message is missing")
        if kind in ("NBIRTH", "DBIRTH"):
            self._birth(source, payload)
        elif kind == "DDEATH":
            return [*out, self._stale(source, received_at_ms)]
        return out + self._tell(source, node, payload, received_at_ms)

    def _node(self, source: Source) -> _Node:
        if source not in self._nodes:
            if len(self._nodes) >= DEVICES_MAX:
                raise SparkplugError(f"more than {DEVICES_MAX} nodes")
            self._nodes[source] = _Node()
        return self._nodes[source]

    def _tell(
        self, source: Source, node: _Node, payload: Payload, received_at_ms: int
    ) -> list[Meaning]:
        """Return the readings of a birth or of data, or ask for the birth that they need."""
        node_source = Source(source.group, source.node)
        known = self._known.get(source)
        if known is None or not known.alive:
            return self._rebirth(node_source, node, received_at_ms, "it told no birth")
        try:
            return [Readings(source, tuple(self._readings(known, payload, received_at_ms)))]
        except KeyError as error:
            return self._rebirth(node_source, node, received_at_ms, f"unknown alias {error}")

    def _in_order(self, node: _Node, payload: Payload) -> bool:
        """Return whether the message follows the last; it is the reference for the next."""
        before, node.sequence = node.sequence, payload.sequence
        return before is None or payload.sequence == (before + 1) % _SEQUENCES

    def _birth(self, source: Source, payload: Payload) -> None:
        if source not in self._known and len(self._known) >= DEVICES_MAX:
            raise SparkplugError(f"more than {DEVICES_MAX} nodes and devices")
        known = _Known(alive=True)
        for metric in payload.metrics[:METRICS_MAX]:
            if metric.alias is not None:
                known.names[metric.alias] = metric.name
            known.types[metric.name] = metric.data_type
        self._known[source] = known

    def _readings(self, known: _Known, payload: Payload, received_at_ms: int) -> Iterator[Reading]:
        for metric in payload.metrics:
            name = metric.name or known.names[metric.alias if metric.alias is not None else -1]
            if name == "bdSeq" or name.startswith("Node Control/"):
                continue
            data_type = metric.data_type or known.types.get(name, DataType.OTHER)
            value = typed(metric.value, data_type)
            if isinstance(value, bytes) or data_type >= DataType.DATASET:
                self.skipped += 1
                continue
            quality = metric.quality if metric.quality is not None else _GOOD
            if value is None and quality == _GOOD:
                quality = _BAD
            at_ms = metric.at_ms or payload.at_ms or received_at_ms
            yield Reading(name, value, at_ms, quality, metric.historical)

    def _death(
        self, source: Source, node: _Node, payload: Payload, received_at_ms: int
    ) -> list[Meaning]:
        """Make all of the node stale, unless the death is of an older session than its birth."""
        died = _birth_death_sequence(payload)
        if None not in (died, node.birth_death_sequence) and died != node.birth_death_sequence:
            return []
        node.sequence = None
        mine = [
            other
            for other, known in self._known.items()
            if known.alive and (other.group, other.node) == (source.group, source.node)
        ]
        return [self._stale(other, received_at_ms) for other in mine]

    def _stale(self, source: Source, received_at_ms: int) -> Readings:
        known = self._known.get(source, _Known())
        known.alive = False
        return Readings(
            source,
            tuple(
                Reading(name, None, received_at_ms, _STALE, historical=False)
                for name, data_type in known.types.items()
                if data_type < DataType.DATASET
                and name != "bdSeq"
                and not name.startswith("Node Control/")
            ),
        )

    def _rebirth(self, source: Source, node: _Node, at_ms: int, why: str) -> list[Meaning]:
        if at_ms - node.asked_at_ms < REBIRTH_EVERY_MS:
            return []
        node.asked_at_ms = at_ms
        control = Metric("Node Control/Rebirth", data_type=DataType.BOOLEAN, value=True)
        topic = f"{NAMESPACE}/{source.group}/NCMD/{source.node}"
        return [Rebirth(topic, encode(Payload(at_ms, None, (control,))), why)]


def parse_topic(topic: str) -> tuple[str, Source]:
    """Return the kind of message and its source; kind "" for a topic that is none of a node."""
    parts = topic.split("/")
    if len(parts) not in (4, 5) or parts[0] != NAMESPACE or not all(parts):
        return "", Source("", "")
    _, group, kind, node, *device = parts
    return kind, Source(group, node, *device)


def _birth_death_sequence(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == "bdSeq" and isinstance(metric.value, int):
            return metric.value
    return None
