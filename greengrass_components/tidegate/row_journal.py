"""Samples that are in no batch yet, on the disk, so that a kill loses none.

Flow: sample -> [row journal] -> batching -> batch log
A row is a line of JSON: `[stream, time in ms, [values]]`. The streams' names stand once, in
`streams.json`. Rows go, a segment at a time, once they are in a batch that is on the disk.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.segment_log import LogSettings, SegmentLog, Sync
from tidegate.segment_log.cursors import replace_file
from tidegate.segment_log.errors import LogWriteError
from tidegate.stream import Stream, Value

BYTES_MAX = 64 << 20  # of rows that wait for their batch: 20 s of 200,000 values a second
SEGMENT_BYTES = 1 << 20
_encode = json.JSONEncoder(separators=(",", ":")).encode


class RowJournal:
    """Rows in a `SegmentLog`; in memory where `folder` is None."""

    def __init__(self, folder: Path | None, *, sync: Sync, sync_interval_ms: int) -> None:
        settings = LogSettings(
            bytes_max=BYTES_MAX,
            segment_bytes=SEGMENT_BYTES,
            sync=sync,
            sync_interval_ms=sync_interval_ms,
        )
        self.log = SegmentLog(folder, settings)
        self._path = folder / "streams.json" if folder else None
        self._numbers: dict[Stream, int] = {}
        self._streams: dict[int, Stream] = {}
        if self._path and self._path.exists():
            for number, facts in json.loads(self._path.read_bytes()).items():
                site, thing, measurement, fields = facts
                self._know(int(number), Stream(site, thing, measurement, tuple(fields)))

    def append(self, stream: Stream, time_ms: int, row: Sequence[Value]) -> int:
        """Keep one row and return its number; raises `LogError`s of the disk."""
        number = self._numbers.get(stream)
        if number is None:
            number = max(self._streams, default=0) + 1
            self._know(number, stream)
            self._write_streams()
        return self.log.append(_encode((number, time_ms, row)).encode())

    def rows(self) -> Iterator[tuple[int, Stream, int, list[Value]]]:
        """Yield (number, stream, time in ms, values) of all rows, the oldest first."""
        at = self.log.oldest_sequence
        while records := self.log.read(at):
            for record in records:
                number, time_ms, row = json.loads(record.payload)
                yield record.sequence, self._streams[number], time_ms, row
            at = records[-1].sequence + 1

    def key_of(self, stream: Stream) -> str:
        """Return a short name of the stream, for the heads of batches."""
        return str(self._numbers.get(stream, 0))

    def release(self, before: int) -> None:
        """Let go of rows below `before`, by the segment."""
        self.log.release(before)

    def forget_streams(self, used: set[Stream]) -> None:
        """Keep the names of the `used` streams only."""
        self._streams = {n: stream for n, stream in self._streams.items() if stream in used}
        self._numbers = {stream: number for number, stream in self._streams.items()}
        self._write_streams()

    def _know(self, number: int, stream: Stream) -> None:
        self._numbers[stream] = number
        self._streams[number] = stream

    def _write_streams(self) -> None:
        if not self._path:
            return
        facts = {
            number: (one.site, one.thing, one.measurement, one.fields)
            for number, one in self._streams.items()
        }
        try:
            replace_file(self._path, json.dumps(facts).encode())
        except OSError as error:
            raise LogWriteError(f"{self._path}: {error.strerror}") from error
