"""Boot and sequence numbers that go on over restarts, in one small file.

The file is the state as of one place in the batch log; what was appended behind that place is
read from there when the gateway starts. So the file needs no write for every batch.
"""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.batch_log import Dropped, Entry
from tidegate.segment_log.cursors import replace_file
from tidegate.segment_log.errors import LogWriteError

log = logging.getLogger("tidegate.outbox")


@dataclass(slots=True)
class Numbering:
    """`boot` counts the starts; `sequences` has the next of each thing.

    `rows` has the last journal row that is in a batch, by stream; `log_next` is the place.
    """

    boot: int = 0
    log_next: int = 0
    sequences: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def next_of(self, thing: str) -> int:
        """Return the sequence number of the thing's next batch."""
        return self.sequences.get(thing, 0)

    def note(self, entry: Entry) -> None:
        """Take note of a batch that is in the log."""
        self.advance(entry.thing, entry.stream, entry.sequence, entry.row, entry.number)

    def advance(self, thing: str, stream: str, sequence: int, row: int, number: int) -> None:
        """Take note of a batch by its facts; `number` is its place in the log."""
        self.sequences[thing] = max(self.next_of(thing), sequence + 1)
        self.rows[stream] = max(self.rows.get(stream, -1), row)
        self.log_next = number + 1

    def forget_rows_from(self, number: int) -> None:
        """Take rows from `number` on for rows that are yet to come."""
        self.rows = {stream: min(row, number - 1) for stream, row in self.rows.items()}

    def write(self, path: Path, dropped: Dropped) -> None:
        """Replace the file; raises `LogWriteError`."""
        document = {
            "boot": self.boot,
            "log_next": self.log_next,
            "sequences": self.sequences,
            "rows": self.rows,
            "dropped": {name: getattr(dropped, name) for name in Dropped.__slots__},
        }
        try:
            replace_file(path, json.dumps(document).encode())
        except OSError as error:
            raise LogWriteError(f"{path}: {error.strerror}") from error


def read_numbering(path: Path, now_ms: int) -> tuple[Numbering, Dropped]:
    """Return what the file says, or the beginning where there is none.

    Of a damaged one the boots are counted on from the time of day: no boot had that number yet.
    """
    if not path.exists():
        return Numbering(), Dropped()
    try:
        document = json.loads(path.read_bytes())
        dropped = Dropped(**document.pop("dropped"))
        return Numbering(**document), dropped
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.error("%s is damaged, batches are numbered anew: %r", path, error)
        return Numbering(boot=now_ms // 1_000), Dropped()
