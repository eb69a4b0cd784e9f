"""What a stream is: read from the wire, checked, and told again with its defaults.

Field names, bounds and defaults are those of AWS's `MessageStreamDefinition`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.segment_log import LogSettings, Sync, WhenFull
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.export_definition import Export, exports_of
from tidegate.streams.field import Field, Flag, Mistakes, Number, Text, read_field
from tidegate.streams.status import Status

NAME = re.compile(r"[\w ,.\-_]{1,255}")
SIZE_BYTES_DEFAULT = 268_435_456
SEGMENT_BYTES_DEFAULT = 16_777_216
SEGMENT_BYTES_MIN = 1_024
TTL_MS_MIN, TTL_MS_MAX = 60_000, 9_223_372_036_854
SEGMENTS_MIN = 4  # of a full stream, so that overwriting does not take all of it at once
FILE, MEMORY = 0, 1
_WHEN_FULL = {0: WhenFull.REJECT, 1: WhenFull.DROP_OLDEST}
_FIELDS: dict[str, Field] = {
    "name": Text(required=True, pattern=NAME),
    "maxSize": Number(1_024, (1 << 63) - 1, default=SIZE_BYTES_DEFAULT),
    "streamSegmentSize": Number(
        SEGMENT_BYTES_MIN, (1 << 31) - 1, default=SEGMENT_BYTES_DEFAULT
    ),
    "timeToLiveMillis": Number(TTL_MS_MIN, TTL_MS_MAX),
    "strategyOnFull": Number(0, 1, required=True),
    "persistence": Number(0, 1, default=FILE),
    "flushOnWrite": Flag(default=False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamDefinition:
    """A stream as it was asked for; `exports` in the order they stand on the wire."""

    name: str
    max_bytes: int
    segment_bytes: int
    ttl_ms: int | None
    when_full: WhenFull
    in_memory: bool
    flush_on_write: bool
    exports: tuple[Export, ...]

    def log_settings(self) -> LogSettings:
        """Return how the stream's log behaves."""
        segment_bytes = min(self.segment_bytes, self.max_bytes // SEGMENTS_MIN)
        return LogSettings(
            bytes_max=self.max_bytes,
            segment_bytes=max(SEGMENT_BYTES_MIN, segment_bytes),
            when_full=self.when_full,
            ttl_ms=self.ttl_ms,
            sync=Sync.EACH if self.flush_on_write else Sync.INTERVAL,
        )

    def to_wire(self) -> dict[str, Any]:
        """Return what describes the stream on the wire, and in its file."""
        wire: dict[str, Any] = {
            "name": self.name,
            "maxSize": self.max_bytes,
            "streamSegmentSize": self.segment_bytes,
            "strategyOnFull": 0 if self.when_full is WhenFull.REJECT else 1,
            "persistence": MEMORY if self.in_memory else FILE,
            "flushOnWrite": self.flush_on_write,
        }
        if self.ttl_ms is not None:
            wire["timeToLiveMillis"] = self.ttl_ms
        exports: dict[str, list[dict[str, Any]]] = {}
        for export in self.exports:
            exports.setdefault(export.kind, []).append(dict(export.wire))
        if exports:
            wire["exportDefinition"] = exports
        return wire


def definition_of(wire: object) -> StreamDefinition:
    """Read a definition; raises `StreamRequestError` with all that is wrong with it."""
    if not isinstance(wire, Mapping):
        raise StreamRequestError(Status.INVALID_REQUEST, "the definition is missing")
    mistakes: Mistakes = []
    value = {key: read_field(wire, key, field, mistakes) for key, field in _FIELDS.items()}
    exports = exports_of(wire.get("exportDefinition"), mistakes)
    if value["persistence"] == MEMORY and value["flushOnWrite"]:
        mistakes.append("flushOnWrite is for streams in files")
    if mistakes:
        raise StreamRequestError(Status.INVALID_REQUEST, "; ".join(mistakes))
    return StreamDefinition(
        name=value["name"],
        max_bytes=value["maxSize"],
        segment_bytes=value["streamSegmentSize"],
        ttl_ms=value["timeToLiveMillis"],
        when_full=_WHEN_FULL[value["strategyOnFull"]],
        in_memory=value["persistence"] == MEMORY,
        flush_on_write=value["flushOnWrite"],
        exports=exports,
    )
