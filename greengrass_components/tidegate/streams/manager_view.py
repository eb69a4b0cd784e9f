"""What the status page shows of the stream manager: streams, exports, and what is wrong."""

import time
from typing import TYPE_CHECKING

from tidegate.segment_log import Cursor
from tidegate.status_page.snapshot import FieldState, GroupState, Snapshot, Table
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.export_definition import Export
from tidegate.streams.stream import Stream

if TYPE_CHECKING:
    from tidegate.streams.manager import Manager

_NS_PER_MS = 1_000_000
_RATE_S_MIN = 2.0  # over which appends a second are taken
_ERROR_CHARACTERS_MAX = 200
_STREAM_COLUMNS = (
    "kept in", "when full", "bytes", "of at most bytes", "messages", "oldest", "newest",
    "refused", "overwritten", "expired", "damaged bytes",
)  # fmt: skip
_EXPORT_COLUMNS = ("to", "messages behind", "seconds behind", "sent", "missed", "error")
_TARGETS = {
    "kinesis": "kinesisStreamName",
    "http": "uri",
    "iotCore": "topic",
    "IotSitewise": "",
    "s3TaskExecutor": "",
}


class ManagerView:
    """Looks at a stream manager; calls come from its event loop."""

    def __init__(self, manager: "Manager") -> None:
        self._manager = manager
        self._started_at_ms = time.time_ns() // _NS_PER_MS
        self._rates_at_s = time.monotonic()
        self._were = self._ends()
        self._appends_s: dict[str, float] = {}
        self._next: dict[tuple[str, str], tuple[int, int]] = {}  # of an export: sequence, its ms

    def __call__(self) -> Snapshot:
        """Return how things are now."""
        self._take_rates()
        manager, streams = self._manager, list(self._manager.store)
        now_ms = time.time_ns() // _NS_PER_MS
        exports = [(stream, export) for stream in streams for export in stream.definition.exports]
        self._next = {
            key: at
            for key, at in self._next.items()
            if key in {(one.definition.name, export.identifier) for one, export in exports}
        }
        behind = {
            (stream.definition.name, export.identifier): _behind(stream, export)
            for stream, export in exports
        }
        return Snapshot(
            title="stream_manager",
            started_at_ms=self._started_at_ms,
            now_ms=now_ms,
            groups=[self._group(stream, now_ms) for stream in streams],
            tables=[
                Table("streams", ("stream",), _STREAM_COLUMNS, [_row(one) for one in streams]),
                Table(
                    "exports",
                    ("stream", "export"),
                    _EXPORT_COLUMNS,
                    [self._export_row(stream, export, now_ms) for stream, export in exports],
                ),
            ],
            queue={
                "streams": len(streams),
                "messages": sum(stream.available(0) for stream in streams),
                "stored_bytes": sum(stream.log.size_bytes for stream in streams),
                "messages_to_export": sum(behind.values()),
            },
            counts={
                "connections": len(manager.server.connections) if manager.server else 0,
                "connections_refused": manager.server.refused_connections if manager.server else 0,
                "answers_too_late_to_send": manager.server.withheld_answers
                if manager.server
                else 0,
                "messages_refused": sum(stream.refused_messages for stream in streams),
                "messages_overwritten": sum(stream.log.dropped_records for stream in streams),
                "messages_expired": sum(stream.log.expired_records for stream in streams),
                "messages_missed_by_exports": sum(
                    sum(stream.missed_messages.values()) for stream in streams
                ),
                "damaged_bytes": sum(stream.log.damaged_bytes for stream in streams),
                "reports_lost": manager.exports.lost_reports if manager.exports else 0,
                "streams_set_aside": manager.store.unreadable,
            },
            trouble=_trouble(streams, manager.store.unreadable),
        )

    def _group(self, stream: Stream, now_ms: int) -> GroupState:
        """Return what is plotted of a stream."""
        name = stream.definition.name
        fields = [
            FieldState("size", stream.log.size_bytes, "byte"),
            FieldState("appends_per_s", round(self._appends_s.get(name, 0.0), 1)),
            FieldState("newest_sequence", stream.log.next_sequence - 1),
        ]
        fields += [
            FieldState(f"{export.identifier}_behind", _behind(stream, export), "messages")
            for export in stream.definition.exports
        ]
        return GroupState(name, "stream", now_ms, fields=tuple(fields))

    def _export_row(
        self, stream: Stream, export: Export, now_ms: int
    ) -> tuple[str | int | float | None, ...]:
        cursor = stream.log.cursors.get(export.identifier) or Cursor()
        target = export.options.get(_TARGETS[export.kind]) if _TARGETS[export.kind] else None
        error = stream.export_errors.get(export.identifier, "")[:_ERROR_CHARACTERS_MAX]
        waiting_ms = self._waiting_since_ms(stream, export)
        return (
            stream.definition.name,
            export.identifier,
            f"{export.kind} {target}" if target else export.kind,
            _behind(stream, export),
            None if waiting_ms is None else max(0, round((now_ms - waiting_ms) / 1_000)),
            cursor.records,
            stream.missed_messages.get(export.identifier, 0),
            "disabled" if export.disabled else error,
        )

    def _waiting_since_ms(self, stream: Stream, export: Export) -> int | None:
        """Return when the first message that waits for an export was appended; None: none does."""
        if not _behind(stream, export):
            return None
        key = (stream.definition.name, export.identifier)
        cursor = stream.log.cursors.get(export.identifier) or Cursor()
        sequence = max(cursor.next_sequence, stream.log.oldest_sequence)
        if self._next.get(key, (-1, 0))[0] != sequence:
            try:
                first = stream.read(sequence, 1, 1)
            except StreamRequestError:
                return None  # the export meets it as well, and says so
            if not first:
                return None
            self._next[key] = (sequence, first[0].at_ms)
        return self._next[key][1]

    def _ends(self) -> dict[str, int]:
        return {one.definition.name: one.log.next_sequence for one in self._manager.store}

    def _take_rates(self) -> None:
        now_s = time.monotonic()
        passed_s = now_s - self._rates_at_s
        if passed_s < _RATE_S_MIN:
            return
        ends = self._ends()
        self._appends_s = {
            name: max(0, end - self._were.get(name, 0)) / passed_s for name, end in ends.items()
        }
        self._were, self._rates_at_s = ends, now_s


def _behind(stream: Stream, export: Export) -> int:
    cursor = stream.log.cursors.get(export.identifier) or Cursor()
    return stream.available(cursor.next_sequence)


def _row(stream: Stream) -> tuple[str | int | float | None, ...]:
    definition, log, count = stream.definition, stream.log, stream.available(0)
    return (
        definition.name,
        "memory" if definition.in_memory else "file",
        definition.when_full.value,
        log.size_bytes,
        definition.max_bytes,
        count,
        log.oldest_sequence if count else None,
        log.next_sequence - 1 if count else None,
        stream.refused_messages,
        log.dropped_records,
        log.expired_records,
        log.damaged_bytes,
    )


def _trouble(streams: list[Stream], unreadable: int) -> str:
    found = [
        f"export {name} of {stream.definition.name} can't send: {error[:_ERROR_CHARACTERS_MAX]}"
        for stream in streams
        for name, error in stream.export_errors.items()
    ]
    found += [
        f"stream {stream.definition.name} is full and refuses messages"
        for stream in streams
        if stream.is_full
    ]
    if unreadable:
        found.append(f"{unreadable} streams were set aside at the start: see the log")
    return "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004  as many as are shown
