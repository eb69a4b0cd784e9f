"""Keep samples until every sink has them: accepted means on the disk.

Flow: reduction -> [Outbox] -> uplink
Bounded by `bytes_max`; what happens when it is full, `when_full` says: the newest sample is
refused (`OutboxFullError`), the oldest batches go, or old batches lose every second sample. What
goes is counted. `pressure` tells the pollers before it comes to that.

A sample is a row of the journal first, and a column of a batch some seconds later: so a kill
loses nothing, and a day of a thousand values a second takes some 100 MB.

Not for several threads at once. The owner calls `maintain` a few times a second.
"""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tidegate.batch_log import BYTES_MAX, BatchLog, OutboxFullError, WhenOutboxFull
from tidegate.batching import Batching, BatchSettings, Gathered, Made, batches_of
from tidegate.numbering import Numbering, read_numbering
from tidegate.pressure import Pressure
from tidegate.row_journal import RowJournal
from tidegate.segment_log import LogError, Sync
from tidegate.stream import Stream, Value

log = logging.getLogger("tidegate.outbox")

CHECKPOINT_BATCHES = 64  # so a start reads no more than these behind its file
VALUE_BYTES = 9  # of a batch, at most; most take one or two
JOURNAL_FILL_MAX = 0.5  # then all that is gathered becomes batches
_REFUSED_BYTES_MAX = 1 << 20
_AS_IT_IS = "as-it-is"  # the stream of batches that no row of ours is in


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """How much an outbox keeps, how surely, and when samples become batches."""

    bytes_max: int = BYTES_MAX
    when_full: WhenOutboxFull = WhenOutboxFull.DROP_OLDEST
    sync: Sync = Sync.INTERVAL
    sync_interval_ms: int = 1_000
    high_water: float = 0.8
    low_water: float = 0.5
    batch: BatchSettings = field(default_factory=BatchSettings)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Outbox:
    """The outbox in `folder`, which no other process may have open (`LogLockedError`).

    `boot` counts how often it was opened. `accepted_samples` counts since then; `dropped` counts
    since the folder was made.
    """

    def __init__(
        self,
        folder: Path,
        settings: OutboxSettings | None = None,
        *,
        clock_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self.settings = settings = settings or OutboxSettings()
        self.folder, self._clock_ms = folder, clock_ms
        self.pressure = Pressure(settings.high_water, settings.low_water)
        self.batches = BatchLog(
            folder / "batches",
            bytes_max=settings.bytes_max,
            when_full=settings.when_full,
            sync=settings.sync,
            sync_interval_ms=settings.sync_interval_ms,
            pressure=self.pressure,
        )
        self._journal = RowJournal(
            folder / "rows", sync=settings.sync, sync_interval_ms=settings.sync_interval_ms
        )
        self._batching = Batching(settings.batch)
        self._parts: dict[Stream, tuple[Stream, ...]] = {}
        self.accepted_samples = 0
        self._since_checkpoint = 0
        self._numbering = self._recovered()
        self._checkpointed_next = self._numbering.log_next
        self.batches.before_delete = self._before_delete

    def adopt(self, settings: OutboxSettings) -> None:
        """Take what may change while it is open, when batches go; the rest waits for a start."""
        self._batching.settings = settings.batch
        self.settings = replace(self.settings, batch=settings.batch)

    @property
    def boot(self) -> int:
        """How often the outbox has been opened before, this time not counted."""
        return self._numbering.boot

    @property
    def dropped(self) -> dict[str, int]:
        """What went unsent since the folder was made, by why."""
        dropped = self.batches.dropped
        return {name: getattr(dropped, name) for name in dropped.__slots__}

    @property
    def gathered_samples(self) -> int:
        """Samples on the disk that are in no batch yet."""
        return self._batching.samples

    @property
    def size_bytes(self) -> int:
        """Bytes of batches and rows on the disk."""
        return self.batches.log.size_bytes + self._journal.log.size_bytes

    def append(self, stream: Stream, time_ms: int, values: Sequence[Value]) -> None:
        """Keep one sample: on the disk, within what `sync` promises, when this returns.

        Values are in the order of the stream's fields. Raises `OutboxFullError`, and `LogError`s
        of a disk that refuses; the sample is not accepted then, and counted as rejected.
        """
        try:
            self.batches.check_room(self._batching.values * VALUE_BYTES)
        except OutboxFullError:
            self.batches.dropped.samples_rejected += 1
            raise
        start = 0
        parts = self._parts.get(stream)
        if parts is None:
            parts = self._parts[stream] = stream.parts
        for part in parts:
            row = values if part is stream else values[start : start + len(part.fields)]
            start += len(part.fields)
            self.pressure.is_refusing = True  # unless it returns
            number = self._journal.append(part, time_ms, row)
            self.pressure.is_refusing = False
            self._batching.add(part, time_ms, row, number, self._clock_ms())
            if self._batching.is_full(part):
                # The sample is on the disk already: that no batch can be kept, `maintain` tells.
                with contextlib.suppress(LogError, OSError):
                    self._make_batches()
        self.accepted_samples += 1

    def append_batch(self, *, thing: str, sequence: int, samples: int, payload: bytes) -> None:
        """Keep a batch that another made, as it is; raises as `append` does.

        Its thing has to be another than those of `append`: it counts its own sequence.
        """
        try:
            self.batches.check_room(self._batching.values * VALUE_BYTES)
        except OutboxFullError:
            self.batches.dropped.samples_rejected += samples
            raise
        self.pressure.is_refusing = True  # unless it returns
        self.batches.append(
            thing=thing, stream=_AS_IT_IS, sequence=sequence, row=0, samples=samples,
            payload=payload,
        )  # fmt: skip
        self.pressure.is_refusing = False
        self.accepted_samples += samples

    def maintain(self, *, flush: bool = False) -> None:
        """Make the batches that are due, or all with `flush`; sync; let go of what is through."""
        journal = self._journal.log
        full = journal.size_bytes >= JOURNAL_FILL_MAX * journal.settings.bytes_max
        try:
            self._make_batches(all_of_it=flush or full)
        finally:
            journal.maintain()
        self.batches.log.maintain()
        self.batches.release()

    def close(self) -> None:
        """Sync and let go; samples in no batch stay in the journal, for the next start."""
        self.batches.log.sync()
        self._checkpoint()
        self._journal.log.close()
        self.batches.log.close()

    def _make_batches(self, *, all_of_it: bool = False) -> None:
        made = False
        for gathered in self._batching.due(self._clock_ms(), all_of_it=all_of_it):
            thing, kept_to = gathered.stream.thing, -1
            try:
                for one in batches_of(gathered, self.boot, self._numbering.next_of(thing)):
                    self._keep(gathered, one)
                    kept_to = one.last_number
                    if self._since_checkpoint >= CHECKPOINT_BATCHES:
                        self._checkpoint()
            except (LogError, OSError):
                self._batching.put_back(gathered.behind(kept_to))
                raise
            made = True
        if made:
            self._forget_rows()

    def _keep(self, gathered: Gathered, one: Made) -> None:
        if one.payload is None:
            self._set_aside(gathered, one)
            return
        thing, sequence = one.stream.thing, self._numbering.next_of(one.stream.thing)
        stream = self._journal.key_of(one.stream)
        number = self.batches.append(
            thing=thing, stream=stream, sequence=sequence, row=one.last_number,
            samples=one.samples, payload=one.payload,
        )  # fmt: skip
        self._numbering.advance(thing, stream, sequence, one.last_number, number)
        self._since_checkpoint += 1

    def _set_aside(self, gathered: Gathered, one: Made) -> None:
        """Write down a sample that no batch takes, with why; it must not stop the others."""
        self.batches.dropped.samples_refused += one.samples
        log.error("sample set aside measurement=%s: %s", one.stream.measurement, one.why)
        path = self.folder / "refused.jsonl"
        if path.exists() and path.stat().st_size > _REFUSED_BYTES_MAX:
            return  # counted all the same
        place = gathered.numbers.index(one.last_number)
        facts = {
            "thing": one.stream.thing,
            "measurement": one.stream.measurement,
            "time_ms": one.first_ms,
            "why": one.why,
            "values": dict(zip(one.stream.fields, gathered.rows[place], strict=True)),
        }
        try:
            with path.open("a") as file:
                file.write(json.dumps(facts, default=repr) + "\n")
        except OSError as error:
            log.error("sample not written to %s: %s", path, error)

    def _forget_rows(self) -> None:
        """Let go of rows that are in batches; those batches have to be on the disk first."""
        oldest = self._batching.oldest_number()
        before = self._journal.log.next_sequence if oldest is None else oldest
        segments = self._journal.log.segments()
        if len(segments) > 1 and segments[1][0] <= before:
            self.batches.log.sync()
            self._journal.release(before)

    def _before_delete(self, before: int) -> None:
        if before > self._checkpointed_next:
            self._checkpoint()

    def _checkpoint(self) -> None:
        self.batches.log.sync()  # it must not name batches that a power cut takes back
        self._numbering.write(self.folder / "numbers.json", self.batches.dropped)
        self._since_checkpoint = 0
        self._checkpointed_next = self._numbering.log_next

    def _recovered(self) -> Numbering:
        path = self.folder / "numbers.json"
        numbering, dropped = read_numbering(path, self._clock_ms())
        at = max(numbering.log_next, self.batches.log.oldest_sequence)
        while entries := self.batches.peek(at):
            for entry in entries:
                numbering.note(entry)
            at = entries[-1].number + 1
        numbering.log_next = max(numbering.log_next, self.batches.log.next_sequence)
        # A power cut may take rows that are in batches: new ones get their numbers.
        numbering.forget_rows_from(self._journal.log.next_sequence)
        numbering.boot += 1
        numbering.write(path, dropped)
        self.batches.dropped = dropped
        there: set[Stream] = set()
        for number, stream, time_ms, row in self._journal.rows():
            there.add(stream)
            if number > numbering.rows.get(self._journal.key_of(stream), -1):
                self._batching.add(stream, time_ms, row, number, self._clock_ms())
        self._journal.forget_streams(there)
        return numbering
