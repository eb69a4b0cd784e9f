"""Keep every stream record on the disk before its sender hears that it is taken.

Flow: put -> [journal] -> shard in memory; at the start: journal -> shard in memory
Bounded: a segment is deleted when memory has forgotten all its records; `stream` bounds those.
A record is handed to the kernel, not synced: it survives a killed process, not a power cut.

A segment is a run of frames: 4 bytes length, 4 bytes CRC-32 of the rest, both big-endian, then
JSON `[stream ARN, shard, sequence number, arrival in ms, partition key, data in base64]`. A
torn last frame was never acknowledged and is cut off.
"""

import errno
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tidelocal.errors import StorageFullError

SEGMENT_BYTES_MAX = 16 * 1024 * 1024  # what one deletion frees
_HEAD = struct.Struct(">II")
_FRAME_BYTES_MAX = 4 * 1024 * 1024  # a record of 1 MiB in base64 fits

log = logging.getLogger(__name__)
Shard = tuple[str, str]  # stream ARN, shard id


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of one shard; `data` is base64 text, as Kinesis has it."""

    stream: str
    shard: str
    sequence_number: str
    arrival_ms: int
    partition_key: str
    data: str


@dataclass(slots=True)
class _Segment:
    path: Path
    last: dict[Shard, str] = field(default_factory=dict)  # highest sequence number per shard


class Journal:
    """The segments in `folder`; `replay` once, then `append`."""

    def __init__(self, folder: Path, *, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        self._folder, self._segment_bytes_max = folder, segment_bytes_max
        self._segments: list[_Segment] = []
        self._fd = -1
        self._bytes = 0

    def replay(self) -> Iterator[Entry]:
        """Yield what earlier runs kept, oldest first."""
        for path in sorted(self._folder.glob("*.log")):
            segment = _Segment(path)
            self._segments.append(segment)
            for entry in _read(path):
                segment.last[entry.stream, entry.shard] = entry.sequence_number
                yield entry

    def append(self, entry: Entry) -> None:
        """Keep `entry`; raises `StorageFullError`, with nothing of it kept."""
        body = orjson.dumps(
            [
                entry.stream, entry.shard, entry.sequence_number, entry.arrival_ms,
                entry.partition_key, entry.data,
            ]
        )  # fmt: skip
        frame = _HEAD.pack(len(body), zlib.crc32(body)) + body
        try:
            if self._fd < 0 or self._bytes >= self._segment_bytes_max:
                self._turn_over()
            written = os.write(self._fd, frame)
            if written < len(frame):
                raise OSError(errno.ENOSPC, "the disk took a part of a record")
        except OSError as error:
            self._cut_torn_frame()
            raise StorageFullError(str(self._folder), error.strerror or str(error)) from error
        self._bytes += len(frame)
        self._segments[-1].last[entry.stream, entry.shard] = entry.sequence_number

    def forget(self, forgotten: Callable[[str, str, str], bool]) -> int:
        """Delete segments whose every `(stream, shard, sequence number)` is `forgotten`."""
        deleted = 0
        for segment in self._segments[: -1 if self._fd >= 0 else None]:
            if all(forgotten(*shard, number) for shard, number in segment.last.items()):
                segment.path.unlink(missing_ok=True)
                self._segments.remove(segment)
                deleted += 1
        return deleted

    def close(self) -> None:
        """Close the segment being written."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _cut_torn_frame(self) -> None:
        """Cut off what a failed write left; a segment that can't be cut gets no more frames."""
        if self._fd < 0:
            return
        try:
            os.ftruncate(self._fd, self._bytes)
        except OSError:
            self.close()

    def _turn_over(self) -> None:
        last = int(self._segments[-1].path.stem) if self._segments else 0
        path = self._folder / f"{last + 1:012d}.log"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.close()
        self._fd, self._bytes = fd, 0
        self._segments.append(_Segment(path))


def _read(path: Path) -> Iterator[Entry]:
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if length > _FRAME_BYTES_MAX or len(body) < length or zlib.crc32(body) != checksum:
            break
        yield Entry(*orjson.loads(body))
        at += _HEAD.size + length
    if at < len(data):
        log.warning(
            "journal %s: %d bytes after the last whole record are cut off (never acknowledged)",
            path.name, len(data) - at,
        )  # fmt: skip
