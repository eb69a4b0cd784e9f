"""Keep batches on flash until the cloud has acknowledged them.

Flow: batcher -> [outbox] -> uplink
Bounded: a full storage drops its oldest batches and counts them; `push` never waits. Batches
are gathered in RAM, at most a chunk of them, until they are `sync_batches` or the first is
`sync_age_ms` old; nothing leaves before it is on flash. That is what a power cut can cost.

How they lie on flash is the storage's: `tidenode.segments`, files of LittleFS, or
`tidenode.ring`, a partition of their own.
"""

from tidenode.errors import OutboxError
from tidenode.record import DAMAGED, head_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.entry import Entry

_GONE_MAX = 256  # acknowledged out of order; a window is 64 at most


class Outbox:
    """A queue of batches in `storage`, in order of their sequence.

    `accepted` counts the samples that came to lie safely on flash since the start.
    """

    def __init__(
        self,
        *,
        storage: "Any",
        now_ms: "Callable[[], int]",
        warn: "Callable[[str], None]",
        sync_batches: int = 1,
        sync_age_ms: int = 0,
    ) -> None:
        self.accepted = 0
        self.pushed: Callable[[], None] = _nobody  # called after batches became durable
        self.batch_bytes_max: int = storage.batch_bytes_max
        self._storage = storage
        self._now_ms = now_ms
        self._warn = warn
        self._sync_batches = sync_batches
        self._sync_age_ms = sync_age_ms
        self._gathered: list[tuple[str, int, bytes]] = []
        self._gathered_bytes = 0
        self._gathered_at_ms = 0
        self._first: int = storage.following(storage.cursor)  # the oldest not acknowledged
        self._gone: set[int] = set()  # acknowledged or damaged, after it

    def __len__(self) -> int:
        waiting: int = self._storage.batches_from(self._first)
        return waiting - len(self._gone) + len(self._gathered)

    @property
    def next_sequence(self) -> int:
        """The sequence of the next batch."""
        sequence: int = self._storage.next_sequence
        return sequence + len(self._gathered)

    @property
    def dropped(self) -> int:
        """Samples that were let go, over the whole life of the flash."""
        samples: int = self._storage.dropped
        return samples

    @property
    def erases(self) -> int:
        """Blocks that were erased since the start, for a ring or for the bytes of files."""
        count: int = self._storage.erases
        return count

    def push(self, measurement: str, samples: int, payload: bytes) -> None:
        """Take `payload`, durable on return if `sync_batches` is 1. Uses up `next_sequence`.

        Raises OutboxError, having counted `samples` as dropped, where it can never fit. What a
        failing flash loses is counted and told.
        """
        if len(payload) > self.batch_bytes_max:
            self.lose(samples)
            raise OutboxError(
                "batch of %d bytes, outbox of %d" % (len(payload), self.batch_bytes_max)
            )
        batch = (measurement, samples, payload)
        before = self._gathered[-1] if self._gathered else None
        need_bytes = len(payload) + head_bytes(batch, before)
        if before and self._gathered_bytes + need_bytes > self._storage.chunk_bytes:
            self.sync(patient=False)
        if not self._gathered:
            self._gathered_at_ms = self._now_ms()
        self._gathered.append(batch)
        self._gathered_bytes += need_bytes
        if len(self._gathered) >= self._sync_batches:
            self.sync()

    def sync(self, patient: bool = True) -> bool:
        """Make durable what was gathered; return whether nothing of it is left in RAM.

        What the heap is too short for waits there, if `patient`; else it is counted as dropped.
        """
        storage, batches = self._storage, self._gathered
        if not batches:
            return True
        empty: list[tuple[str, int, bytes]] = []  # made while nothing has been done yet
        first, count, accepted = storage.next_sequence, len(batches), 1
        try:
            storage.write(batches, self._samples_between)
        except OutboxError as error:
            accepted = 0
            self._warn("%d batches dropped: %s" % (count, error))
        except MemoryError:
            pass
        done: int = storage.next_sequence - first
        for at in range(done):
            self.accepted += accepted * batches[at][1]
        if done < count and not patient:
            self._warn("%d batches dropped: out of memory" % (count - done))
            for at in range(done, count):
                storage.lose(batches[at][1], self._samples_between)
            done = count
        if done < count:
            del batches[:done]
        else:
            self._gathered, self._gathered_bytes = empty, 0
        self._move_on()
        self.pushed()
        return done == count

    def settle(self) -> None:
        """Make durable what was acknowledged, before an orderly end; in files it is."""
        if hasattr(self._storage, "settle"):
            self._storage.settle(self._samples_between)

    def sync_if_old(self) -> None:
        """Make durable what was gathered `sync_age_ms` ago."""
        if self._gathered and self._now_ms() - self._gathered_at_ms >= self._sync_age_ms:
            self.sync()

    def lose(self, samples: int) -> None:
        """Count a batch that never became a payload, in place of a push."""
        self.sync(patient=False)
        self._storage.lose(samples, self._samples_between)
        self._move_on()

    def next_after(self, sequence: int) -> "Entry | None":
        """Return the oldest entry after `sequence`; -1 for the oldest of all."""
        sequence = max(sequence + 1, self._first)
        while len(self._gone) < _GONE_MAX:
            if sequence not in self._gone:
                entry: Entry | None = self._storage.locate(sequence)
                if entry is None:
                    return None
                sequence = entry.sequence
                if sequence not in self._gone:
                    if entry.size_bytes > 0:
                        return entry
                    # A lost batch was counted when it was lost, if that is what this is.
                    if entry.size_bytes == DAMAGED or not self._storage.read(entry, bytearray()):
                        self._storage.count(entry.samples)
                    self._leave(sequence)
            sequence += 1
        return None

    def holds(self, entry: "Entry") -> bool:
        """Return whether `entry` is still queued: it may have been dropped."""
        return entry.sequence >= self._first and entry.sequence not in self._gone

    def read_into(self, entry: "Entry", view: memoryview) -> None:
        """Fill `view`, as long as the entry, with its payload.

        Raises OutboxError, having dropped and counted the entry, where the flash lost it.
        """
        if not self._storage.read(entry, view):
            if self.holds(entry):
                self._storage.count(entry.samples)
                self._leave(entry.sequence)
            raise OutboxError("sequence %d is damaged" % entry.sequence)

    def acknowledge(self, entry: "Entry") -> bool:
        """Let `entry` go; return False where it had been dropped before.

        It is durably gone with the last of its chunk, or by `settle`: until then a restart sends
        it again, and a batch stored twice has the effect of once. Raises OSError where the flash
        fails.
        """
        if not self.holds(entry):
            return False
        self._leave(entry.sequence)
        return True

    def _leave(self, sequence: int) -> None:
        self._gone.add(sequence)
        self._move_on()
        self._storage.release(self._first)

    def _move_on(self) -> None:
        """Let `first` pass what was acknowledged, dropped or never there."""
        gone = self._gone
        while True:
            self._first = self._storage.following(self._first)
            if self._first not in gone:
                break
            gone.remove(self._first)
            self._first += 1
        for sequence in sorted(gone):
            if sequence < self._first:
                gone.remove(sequence)

    def _samples_between(self, begin: int, end: int) -> int:
        """Return the samples not acknowledged of the sequences from `begin` to before `end`."""
        samples = 0
        for sequence in range(max(begin, self._first), end):
            if sequence not in self._gone:
                entry = self._storage.locate(sequence)
                if entry and entry.size_bytes:
                    samples += entry.samples
        return samples


def _nobody() -> None:
    pass
