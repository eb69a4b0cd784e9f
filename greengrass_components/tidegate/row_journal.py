"""Samples that are in no batch yet, on the disk, so that a kill loses none.

Flow: sample -> [row journal] -> batching -> batch log
A row is a line of JSON: `[stream, time in ms, [values]]`. The streams' names stand once, in
`streams.json`. Rows go, a segment at a time, once they are in a batch that is on the disk. Where a
damaged disk has taken the names, rows are set aside as they are, in `orphans.jsonl`.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.errors import GateError
from tidegate.segment_log import LogSettings, SegmentLog, Sync
from tidegate.segment_log.cursors import replace_file
from tidegate.segment_log.errors import LogWriteError
from tidegate.stream import Stream, Value

log = logging.getLogger("tidegate.outbox")

BYTES_MAX = 64 << 20  # of rows that wait for their batch: 20 s of 200,000 values a second
SEGMENT_BYTES = 1 << 20
STREAMS, ORPHANS = "streams.json", "orphans.jsonl"
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
        self._folder = folder
        self._numbers: dict[Stream, int] = {}
        self._streams: dict[int, Stream] = {}
        self._highest = 0  # number of a stream that was ever met
        for number, stream in _read_streams(folder).items():
            self._know(number, stream)

    def append(self, stream: Stream, time_ms: int, row: Sequence[Value]) -> int:
        """Keep one row and return its number; raises `LogError`s of the disk."""
        number = self._numbers.get(stream)
        if number is None:
            number = self._highest + 1
            # First on the disk: a row whose stream's name is not there could never be read.
            self._write_streams({**self._streams, number: stream})
            self._know(number, stream)
        return self.log.append(_encode((number, time_ms, row)).encode())

    def rows(self) -> Iterator[tuple[int, Stream, int, list[Value]]]:
        """Yield (number, stream, time in ms, values) of all rows, the oldest first."""
        at = self.log.oldest_sequence
        while records := self.log.read(at):
            for record in records:
                number, time_ms, row = json.loads(record.payload)
                self._highest = max(self._highest, number)
                if number in self._streams:
                    yield record.sequence, self._streams[number], time_ms, row
                else:
                    self._set_aside(record.payload)
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
        self._write_streams(self._streams)

    def _know(self, number: int, stream: Stream) -> None:
        self._highest = max(self._highest, number)
        self._numbers[stream] = number
        self._streams[number] = stream

    def _set_aside(self, row: bytes) -> None:
        if self._folder:
            with (self._folder / ORPHANS).open("ab") as file:
                file.write(row + b"\n")

    def _write_streams(self, streams: dict[int, Stream]) -> None:
        if not self._folder:
            return
        path = self._folder / STREAMS
        facts = {
            number: (one.site, one.thing, one.measurement, one.fields)
            for number, one in streams.items()
        }
        try:
            replace_file(path, json.dumps(facts).encode())
        except OSError as error:
            raise LogWriteError(f"{path}: {error.strerror}") from error


def _read_streams(folder: Path | None) -> dict[int, Stream]:
    path = folder / STREAMS if folder else None
    if path is None or not path.exists():
        return {}
    try:
        return {
            int(number): Stream(site, thing, measurement, tuple(fields))
            for number, (site, thing, measurement, fields) in json.loads(path.read_bytes()).items()
        }
    except (ValueError, TypeError, AttributeError, GateError) as error:
        log.error("%s is damaged, its rows are set aside in %s: %s", path, ORPHANS, error)
        return {}
