"""Find what is missing and what stands twice in the sequence numbers of one thing.

Pure: ledger entries in, faults out. A thing counts its batches over reboots, from 0 on a fresh
flash. A board that was replaced or erased begins again: that starts another life of the thing,
and each life is judged by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tidectl.ledger import Entry


@dataclass(frozen=True, slots=True)
class Gap:
    """Batches `first` to `last` of `thing` are not in the store.

    `received_at_ms` is when the batch after them came.
    """

    thing: str
    first: int
    last: int
    received_at_ms: int

    @property
    def batches(self) -> int:
        """How many are missing."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Repeat:
    """Batch `sequence` of `thing` is in the store more than once, under other times."""

    thing: str
    sequence: int
    samples: int  # of the copies after the first
    received_at_ms: int


@dataclass(slots=True)
class _Life:
    """The batches of one flash, by sequence."""

    boot: int
    entries: dict[int, Entry] = field(default_factory=dict)
    repeats: list[Repeat] = field(default_factory=list)

    def ends_at(self, entry: Entry, boot: int, sequence: int) -> bool:
        """Whether `entry` is of a younger flash: boots only go up, and 0 comes once."""
        return boot < self.boot or (sequence == 0 and 0 in self.entries and not self._same(entry))

    def add(self, entry: Entry, boot: int, sequence: int) -> None:
        """Take the next entry."""
        self.boot = boot
        if sequence in self.entries:
            self.repeats.append(Repeat(entry.thing, sequence, entry.samples, entry.received_at_ms))
        else:
            self.entries[sequence] = entry

    def gaps(self, first: int) -> Iterable[Gap]:
        """Yield what is missing from `first` on."""
        expected = first
        for sequence in sorted(self.entries):
            entry = self.entries[sequence]
            if sequence > expected:
                yield Gap(entry.thing, expected, sequence - 1, entry.received_at_ms)
            expected = sequence + 1

    def _same(self, entry: Entry) -> bool:
        """Whether `entry` covers the same time as batch 0: a copy, not a new beginning."""
        return entry.last_time_ms == self.entries[0].last_time_ms


def faults(entries: Iterable[Entry], *, from_start: bool = True) -> tuple[list[Gap], list[Repeat]]:
    """Return the gaps and repeats of one thing's entries, in order of their arrival.

    `from_start`: every flash is expected to be there from its batch 0 on; else the first one
    from the first batch given. Entries without a sequence number prove nothing and are passed.
    """
    lives: list[_Life] = []
    ordered = sorted(
        (entry.received_at_ms, entry.boot, entry.sequence, entry.time, entry)
        for entry in entries
        if entry.boot is not None and entry.sequence is not None
    )
    for _, boot, sequence, _, entry in ordered:
        if not lives or lives[-1].ends_at(entry, boot, sequence):
            lives.append(_Life(boot))
        lives[-1].add(entry, boot, sequence)
    gaps: list[Gap] = []
    for number, life in enumerate(lives):
        whole = from_start or number > 0
        gaps += life.gaps(0 if whole else min(life.entries))
    return gaps, [repeat for life in lives for repeat in life.repeats]
