"""One stream: its definition, its log, and how far each export has come.

Flow: clients -> [stream] -> long polls and exports
Bounded: the definition's `maxSize`; at it an append is refused, or the oldest segments go.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate.segment_log import (
    Cursor,
    LogFullError,
    LogWriteError,
    Record,
    RecordTooLargeError,
    SegmentLog,
)
from tidegate.streams.definition import StreamDefinition
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.status import Status


class Stream:
    """A stream whose messages lie in `folder`, or in memory where that is None.

    Each of `watchers` is called after an append. `refused_messages` found no room; `is_full`: the
    last one did not.
    """

    def __init__(
        self, definition: StreamDefinition, folder: Path | None, clock_ms: Callable[[], int]
    ) -> None:
        self.definition = definition
        self.folder = folder
        self.log = SegmentLog(folder, definition.log_settings(), clock_ms=clock_ms)
        self.watchers: set[Callable[[], None]] = set()
        self.export_errors: dict[str, str] = {}
        self.refused_messages = 0
        self.is_full = False
        self.missed_messages: dict[str, int] = {}  # by export: gone before they could be sent
        self._place_cursors(None)

    def append_many(self, payloads: Sequence[bytes]) -> int:
        """Add all, or none; return the first's sequence number. Raises `StreamRequestError`."""
        try:
            first = self.log.append_many(payloads)
        except LogFullError as error:
            self.refused_messages += len(payloads)
            self.is_full = True
            raise StreamRequestError(
                Status.OUT_OF_MEMORY_ERROR, f"the stream {self.definition.name} is full: {error}"
            ) from error
        except RecordTooLargeError as error:
            raise StreamRequestError(Status.REQUEST_PAYLOAD_TOO_LARGE, str(error)) from error
        except (LogWriteError, OSError) as error:
            raise StreamRequestError(Status.UNKNOWN_FAILURE, f"not stored: {error}") from error
        self.is_full = False
        for watcher in tuple(self.watchers):
            watcher()
        return first

    def available(self, start: int) -> int:
        """Return how many messages there are from `start` on, or from the oldest."""
        return max(0, self.log.next_sequence - max(start, self.log.oldest_sequence))

    def read(self, start: int, records_max: int, bytes_max: int) -> list[Record]:
        """Return messages from `start` on; raises `StreamRequestError`."""
        try:
            return self.log.read(start, records_max=records_max, bytes_max=bytes_max)
        except OSError as error:
            raise StreamRequestError(
                Status.MESSAGE_STORE_READ_ERROR, f"the store can't be read: {error}"
            ) from error

    def redefine(self, definition: StreamDefinition) -> None:
        """Go by another definition, which is stored already: see `wrong_update`."""
        before, self.definition = self.definition, definition
        self.log.settings = definition.log_settings()
        self._place_cursors(before)

    def wrong_update(self, definition: StreamDefinition) -> str | None:
        """Say why the stream may not become `definition`, None where it may."""
        if definition.in_memory != self.definition.in_memory:
            return "persistence can't be changed"
        if definition.max_bytes < self.log.size_bytes:
            return f"maxSize {definition.max_bytes} is below the {self.log.size_bytes} bytes there"
        if definition.max_bytes < definition.segment_bytes:
            return f"maxSize is below streamSegmentSize {definition.segment_bytes}"
        for export in definition.exports:
            start, end = export.start_sequence, self.log.next_sequence
            if start is not None and start > 0 and start >= end:
                return f"startSequenceNumber {start} of {export.identifier} is not there yet"
        return None

    def info(self) -> dict[str, Any]:
        """Return AWS's `MessageStreamInfo`."""
        log = self.log
        return {
            "definition": self.definition.to_wire(),
            "storageStatus": {
                "oldestSequenceNumber": log.oldest_sequence,
                "newestSequenceNumber": max(0, log.next_sequence - 1),
                "totalBytes": log.size_bytes,
                # Ours, since the start: AWS's clients pass over what they don't know.
                "droppedMessages": log.dropped_records,
                "expiredMessages": log.expired_records,
                "damagedBytes": log.damaged_bytes,
            },
            "exportStatuses": [self._export_status(e.identifier) for e in self.definition.exports],
        }

    def _export_status(self, identifier: str) -> dict[str, Any]:
        cursor = self.log.cursors.get(identifier) or Cursor()
        status: dict[str, Any] = {
            "exportConfigIdentifier": identifier,
            "lastExportedSequenceNumber": cursor.next_sequence - 1,
            "exportedBytesFromStream": cursor.payload_bytes,
            "exportedMessagesCount": cursor.records,
            "missedMessagesCount": self.missed_messages.get(identifier, 0),
        }
        if cursor.moved_at_ms:
            status["lastExportTime"] = cursor.moved_at_ms
        if error := self.export_errors.get(identifier):
            status["errorMessage"] = error
        return status

    def _place_cursors(self, before: StreamDefinition | None) -> None:
        """Give new exports a cursor, move those that were told to begin elsewhere, drop others."""
        cursors = self.log.cursors
        were = {export.identifier: export for export in before.exports} if before else {}
        for export in self.definition.exports:
            old, start = were.get(export.identifier), export.start_sequence
            moved = old is not None and start is not None and start != old.start_sequence
            if cursors.get(export.identifier) is None or moved:
                cursors.put(export.identifier, Cursor(max(start or 0, self.log.oldest_sequence)))
        names = {export.identifier for export in self.definition.exports}
        for gone in set(cursors) - names:
            cursors.remove(gone)
            self.export_errors.pop(gone, None)
            self.missed_messages.pop(gone, None)
