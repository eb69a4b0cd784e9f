"""Keep batches on flash until the cloud has acknowledged them.

Flow: batcher -> [outbox] -> uplink
Bounded: at `bytes_max`, or when the flash is full, the oldest batch is dropped and counted;
`push` never waits.

One immutable file per batch, and everything recovery needs stands in the names, each change
of which is one atomic commit of LittleFS:

    <sequence>.<samples>.<bytes>.<measurement>   a batch
    <sequence>.sent                              the newest batch, acknowledged
    <dropped>.<sequence>.dropped                 samples ever dropped, and the newest batch
                                                 among them; a dropped batch renamed
    new                                          a batch being written; never read

The newest name keeps the sequence, so that it goes on after a restart with nothing queued.
"""

import os

from tidenode.entry import Entry
from tidenode.errors import OutboxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NEW = "new"
_ENOSPC = 28  # LittleFS's number on every port; MicroPython's errno has no name for it


class Outbox:
    """A queue of batches in `folder`, in order of their sequence.

    `next_sequence` is the sequence of the next batch; `dropped` counts samples over the
    whole life of the flash; `queued_bytes` is the flash that entries occupy.
    """

    def __init__(self, *, folder: str, bytes_max: int, block_bytes: int = 4096) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._block_bytes = block_bytes
        self._entries: list[Entry] = []
        self._sent = -1  # the newest batch, where it was acknowledged
        self._tally = ""  # the name that holds `dropped`
        self._tally_sequence = -1
        self.dropped = 0
        self.next_sequence = 0
        self.queued_bytes = 0
        self.pushed: Callable[[], None] = _nobody  # called after each push
        self._recover()

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, measurement: str, samples: int, payload: bytes) -> Entry:
        """Keep `payload`; on return it is durable. Uses up `next_sequence` in any case.

        Raises OutboxError, having counted `samples` as dropped, where it can't be kept.
        """
        entry = Entry(self.next_sequence, samples, len(payload), measurement)
        self.next_sequence += 1
        need_bytes = self._occupied_bytes(entry)
        if need_bytes > self._bytes_max:
            self._lose(entry)
            raise OutboxError("batch of %d bytes, outbox of %d" % (len(payload), self._bytes_max))
        while self.queued_bytes + need_bytes > self._bytes_max:
            self._drop_oldest()
        while True:
            try:
                self._write(_name(entry), payload)
                break
            except OSError as error:
                if error.errno == _ENOSPC and self._entries:
                    self._drop_oldest()
                    continue
                self._lose(entry)
                raise OutboxError("flash error %s" % error.errno)
        self._entries.append(entry)
        self.queued_bytes += need_bytes
        if self._sent >= 0:
            self._remove(_mark(self._sent))
            self._sent = -1
        self.pushed()
        return entry

    def lose(self, samples: int) -> None:
        """Count a batch that never became a payload, in place of a push."""
        entry = Entry(self.next_sequence, samples, 0, "")
        self.next_sequence += 1
        self._lose(entry)

    def next_after(self, sequence: int) -> Entry | None:
        """Return the oldest entry after `sequence`; -1 for the oldest of all."""
        for entry in self._entries:
            if entry.sequence > sequence:
                return entry
        return None

    def holds(self, entry: Entry) -> bool:
        """Return whether `entry` is still queued: it may have been dropped."""
        return entry in self._entries

    def read_into(self, entry: Entry, view: memoryview) -> None:
        """Fill `view`, as long as the entry, with its payload.

        Raises OutboxError, having dropped and counted the entry, where the flash lost it.
        """
        try:
            with open(self._path(_name(entry)), "rb") as file:
                size_bytes = file.readinto(view)
        except OSError as error:
            size_bytes = -(error.errno or 1)
        if size_bytes != entry.size_bytes:
            self._forget(entry)
            self._lose(entry)
            raise OutboxError("sequence %d is damaged (%d)" % (entry.sequence, size_bytes))

    def acknowledge(self, entry: Entry) -> bool:
        """Let `entry` go; return False where it had been dropped before.

        Raises OSError where the flash fails: then the entry comes back after a restart, and
        a batch stored twice has the effect of once.
        """
        if not self.holds(entry):
            return False
        self._forget(entry)
        if entry.sequence == self.next_sequence - 1:
            os.rename(self._path(_name(entry)), self._path(_mark(entry.sequence)))
            self._sent = entry.sequence
        else:
            os.remove(self._path(_name(entry)))
        return True

    def _recover(self) -> None:
        # Only a start needs it, so it is loaded here and `tidenode.app` lets it go again.
        from tidenode.recovery import recover

        found = recover(self._folder)
        self._entries = found.entries
        self._sent = found.sent
        self.dropped, self._tally_sequence = found.dropped, found.tally_sequence
        if found.dropped:
            self._tally = _tally(found.dropped, found.tally_sequence)
        newest = self._entries[-1].sequence if self._entries else -1
        self.next_sequence = max(newest, self._sent, self._tally_sequence) + 1
        self.queued_bytes = sum([self._occupied_bytes(entry) for entry in self._entries])
        for name in found.stale:
            self._remove(name)

    def _write(self, name: str, payload: bytes) -> None:
        path = self._path(_NEW)
        try:
            with open(path, "wb") as file:
                file.write(payload)
            os.rename(path, self._path(name))
        except OSError:
            self._remove(_NEW)
            raise

    def _drop_oldest(self) -> None:
        entry = self._entries[0]
        self._forget(entry)
        # One rename takes the batch out and writes the count down; the old count goes after.
        self._count(entry, os.rename, self._path(_name(entry)))

    def _lose(self, entry: Entry) -> None:
        """Count a batch that has no good file."""
        self._remove(_name(entry))
        self._count(entry, _touch, "")

    def _count(self, entry: Entry, create: "Callable[[str, str], None]", source: str) -> None:
        before = self._tally
        self.dropped += entry.samples
        # It may be the only name that keeps a higher sequence, so it never goes back.
        self._tally_sequence = max(self._tally_sequence, entry.sequence)
        tally = _tally(self.dropped, self._tally_sequence)
        try:
            create(source, self._path(tally))
            self._tally = tally
        except OSError:
            if source:
                self._remove(_name(entry))  # the flash won't count: RAM still does
            return
        if before:
            self._remove(before)

    def _forget(self, entry: Entry) -> None:
        self._entries.remove(entry)
        self.queued_bytes -= self._occupied_bytes(entry)

    def _remove(self, name: str) -> None:
        try:
            os.remove(self._path(name))
        except OSError:
            pass  # not there, or a flash that fails: the next recovery tries again

    def _occupied_bytes(self, entry: Entry) -> int:
        blocks: int = max(1, -(-entry.size_bytes // self._block_bytes))
        return blocks * self._block_bytes

    def _path(self, name: str) -> str:
        return self._folder + "/" + name


def _name(entry: Entry) -> str:
    return "%d.%d.%d.%s" % entry


def _mark(sequence: int) -> str:
    return "%d.sent" % sequence


def _tally(dropped: int, sequence: int) -> str:
    return "%d.%d.dropped" % (dropped, sequence)


def _touch(_source: str, path: str) -> None:
    with open(path, "wb"):
        pass


def _nobody() -> None:
    pass
