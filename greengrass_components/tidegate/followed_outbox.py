"""Read the outbox of another component, in its folder, without a word to it.

Flow: adapter's outbox ~files~> [followed outbox] -> uplink
A component that reads a bus only writes its outbox; the uplink, a process of its own, follows
the files and leaves there how far it has come, upon which the owner deletes them. So samples are
on the disk once, cross no socket, and one component of a gateway has a way to the cloud.

Reads only what its owner has had the time to sync; a tail that is being written is no record
yet, and one that was torn and cut has another CRC later. What a disk has damaged is passed over,
told and counted, as its owner does it.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

from tidegate.batch_log import MEBIBYTE, Entry, entry_of
from tidegate.segment_log import Cursor
from tidegate.segment_log.cursors import SUFFIX as CURSOR_SUFFIX
from tidegate.segment_log.cursors import file_name, replace_file
from tidegate.segment_log.errors import LogWriteError
from tidegate.segment_log.record import HEADER_BYTES, Record, behind_damage, sound
from tidegate.segment_log.segment_log import SUFFIX

log = logging.getLogger("tidegate.uplink")

CHUNK_BYTES = MEBIBYTE  # of one reading of a file: twice what any batch has
SEARCHES_MAX = 8  # halves of a chunk that one reading looks through, in some milliseconds
SETTLED_MS = 2_000  # twice the interval in which an outbox syncs by default


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class FollowedOutbox:
    """The outbox in `folder` as the sink `sink` sees it; the folder may not be there yet."""

    def __init__(
        self,
        folder: Path,
        sink: str,
        *,
        settled_ms: int = SETTLED_MS,
        clock_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self.name = folder.parent.name
        self._folder = folder / "batches"
        self._path = self._folder / f"{file_name(sink)}{CURSOR_SUFFIX}"
        self._sink, self._settled_ms, self._clock_ms = sink, settled_ms, clock_ms
        self._cursor = Cursor()
        self.damaged_bytes = 0
        self._looked_at = (-1, 0, 0)  # where no sound record was: segment, offset, bytes
        self._searched = ((-1, 0), 1)  # so far behind that damage, of which no end is known
        self._told: set[tuple[int, int]] = set()  # damage of the segment that is read
        self._place: tuple[int, int, int] | None = None  # segment, offset, number there

    def join(self) -> int:
        """Return where this sink is; from now on the owner waits for it."""
        try:
            facts = json.loads(self._path.read_bytes())
            facts.pop("reader")
            self._cursor = Cursor(**facts)
        except FileNotFoundError:
            bases = self._bases()
            self._cursor = Cursor(bases[0] if bases else 0)
            if self._folder.is_dir():
                self._write()
        except (ValueError, TypeError, KeyError, AttributeError):
            self._cursor = Cursor()  # what the store has already it takes once
        return self._cursor.next_sequence

    def read(self, number: int, *, bytes_max: int = MEBIBYTE) -> list[Entry]:
        """Return batches from `number` on, or from the oldest there is; none where none is.

        Where its owner began anew, with an empty folder, so does this: then from the oldest.
        """
        if self._folder.is_dir() and not self._path.exists():
            number, self._place = self.join(), None
        now_ms = self._clock_ms()
        settled_before_ms = now_ms - self._settled_ms
        found: list[Entry] = []
        for base, following in self._from(number):
            for record in self._records(base, following, number):
                if settled_before_ms < record.at_ms <= now_ms:
                    return found  # one that seems to come is older than a clock that went back
                found.append(entry_of(record))
                bytes_max -= len(record.payload)
                if bytes_max <= 0:
                    return found
        return found

    def _records(self, base: int, following: int | None, number: int) -> Iterator[Record]:
        """Yield the records of a segment from `number` on; `following` is the next one's base."""
        offset, expected = 0, base
        if self._place and self._place[0] == base and self._place[2] <= number:
            _, offset, expected = self._place
        while True:
            data, used = self._bytes(base, offset), 0
            for at, record in sound(data, expected):
                if record.sequence >= number:
                    yield record
                used, expected = at + HEADER_BYTES + len(record.payload), record.sequence + 1
                self._place = (base, offset + used, expected)
            if used == 0 and data:
                used = self._damaged((base, offset), expected, following)
            if used == 0:
                return
            offset += used

    def _damaged(self, place: tuple[int, int], expected: int, following: int | None) -> int:
        """Return how many bytes from `place` on are damaged, to the next sound record.

        0: none follows yet. So the end of the newest segment is left alone, which may be about to
        be written; that of another is damaged to its end. A search that is long goes on with the
        next reading, where it was.
        """
        searched = self._searched[1] if self._searched[0] == place else 1
        for _ in range(SEARCHES_MAX):
            data = self._bytes(place[0], place[1] + searched)
            if self._looked_at == (*place, searched + len(data)):
                return 0  # nothing has come since
            # The records of the newest segment are consecutive; of another some may be gone.
            end = following or expected + 1 + (searched + len(data)) // HEADER_BYTES
            behind = behind_damage(data, 0, expected, end)
            if behind is not None:
                return self._tell(place, searched + behind)
            if len(data) < CHUNK_BYTES:
                if following is not None:
                    return self._tell(place, searched + len(data))
                self._looked_at = (*place, searched + len(data))
                return 0
            searched += len(data) // 2  # a record that begins there was whole
            self._searched = (place, searched)
        return 0

    def _tell(self, place: tuple[int, int], size: int) -> int:
        """Count `size` damaged bytes, once: what is not settled behind them is read again."""
        if place not in self._told:
            self._told = {one for one in self._told if one[0] >= place[0]} | {place}
            self.damaged_bytes += size
            log.error(
                "records are damaged outbox=%s segment=%d at=%d bytes=%d", self.name, *place, size
            )
        return size

    def finish(self, next_number: int) -> None:
        """Leave word that this sink has all batches below `next_number`."""
        before = self._cursor
        if next_number <= before.next_sequence:
            return
        count = before.records + next_number - before.next_sequence
        self._cursor = Cursor(next_number, records=count, moved_at_ms=self._clock_ms())
        self._write()

    def _bases(self) -> list[int]:
        paths = self._folder.glob(f"*{SUFFIX}")
        return sorted(int(path.stem) for path in paths if path.stem.isdigit())

    def _from(self, number: int) -> list[tuple[int, int | None]]:
        """Return the segments that hold `number` and what is behind it, each with the next."""
        bases = self._bases()
        first = max((place for place, base in enumerate(bases) if base <= number), default=0)
        return list(zip_longest(bases[first:], bases[first + 1 :]))

    def _bytes(self, base: int, offset: int) -> bytes:
        try:
            with (self._folder / f"{base:020d}{SUFFIX}").open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return b""  # its owner let it go just now
        return data or b""

    def _write(self) -> None:
        text = json.dumps({"reader": self._sink, **asdict(self._cursor)})
        try:
            replace_file(self._path, text.encode())
        except OSError as error:
            raise LogWriteError(f"{self._path}: {error.strerror}") from error
