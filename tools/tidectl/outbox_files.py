"""Read what waits in a board's outbox: segments, a ring, and the files of boards made before.

`tidenode.segments`, `tidenode.ring` and `tidenode.record` have the forms. Pure: names and
bytes in, payloads by sequence out. What is damaged is left out, as the board would.
"""

from collections.abc import Callable

from tidectl.counters import Counters
from tidenode.entry import Entry
from tidenode.errors import OutboxError
from tidenode.outbox import Outbox
from tidenode.record import Reader, head_of
from tidenode.recovery import parse
from tidenode.ring import Ring

_BLOCK_BYTES = 4096
_BLOCK_COUNT, _BLOCK_SIZE, _ERASE = 4, 5, 6  # what a block device is asked by `ioctl`
_OLD_PARTS = 4  # <sequence>.<samples>.<bytes>.<measurement>, the file being the payload


def batches_of(name: str, data: bytes) -> dict[int, bytes]:
    """Return the payloads in the file `name` of an outbox by sequence; none of a counter."""
    if old := _old_entry(name):
        return {old.sequence: data}
    kind, numbers = parse(name)
    if kind != "segment":
        return {}
    first, batches, *_ = numbers
    reader = Reader(_into(data), first, 0, len(data))
    found = {}
    for sequence in range(first, first + batches):
        entry = reader.find(sequence)
        payload = bytearray(entry.size_bytes) if entry else b""
        if entry and reader.fill(memoryview(payload)):
            found[sequence] = bytes(payload)
    return found


def renewed(name: str, data: bytes) -> tuple[str, bytes] | None:
    """Return name and content of the segment for a file of the first layout; None for others."""
    old = _old_entry(name)
    if old is None:
        return None
    head = head_of((old.measurement, old.samples, data), None, old.sequence)
    return f"{old.sequence}.1.{old.samples}.{len(head) + len(data)}", head + data


def ring_counters(cells: bytes, counters: Counters) -> Counters:
    """Return `counters`, which the files of a board give, with what its partition `cells` has.

    Raises OutboxError where that is no ring.
    """
    outbox = _ring(cells)
    samples, after = 0, -1
    while entry := outbox.next_after(after):
        after = entry.sequence
        samples += entry.samples
    return Counters(
        counters.boot,
        max(counters.next_sequence, outbox.next_sequence),
        counters.queued_batches + len(outbox),
        counters.queued_samples + samples,
        max(counters.dropped_samples, outbox.dropped),
    )


def ring_batches(cells: bytes) -> dict[int, bytes]:
    """Return the payloads that wait in the partition `cells` by sequence. Raises OutboxError."""
    outbox = _ring(cells)
    found: dict[int, bytes] = {}
    after = -1
    while entry := outbox.next_after(after):
        after = entry.sequence
        payload = memoryview(bytearray(entry.size_bytes))
        try:
            outbox.read_into(entry, payload)
        except OutboxError:
            continue
        found[after] = bytes(payload)
    return found


def _ring(cells: bytes) -> Outbox:
    return Outbox(storage=Ring(_Copy(cells)), now_ms=lambda: 0, warn=lambda _: None)


class _Copy:
    """A block device over a copy: reading a ring may erase its block ahead."""

    def __init__(self, cells: bytes) -> None:
        self._cells = bytearray(cells)

    def readblocks(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        at = block * _BLOCK_BYTES + offset
        buffer[:] = self._cells[at : at + len(buffer)]

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == _ERASE:
            at = argument * _BLOCK_BYTES
            self._cells[at : at + _BLOCK_BYTES] = b"\xff" * _BLOCK_BYTES
        sizes = {_BLOCK_COUNT: len(self._cells) // _BLOCK_BYTES, _BLOCK_SIZE: _BLOCK_BYTES}
        return sizes.get(operation, 0)


def _old_entry(name: str) -> Entry | None:
    *texts, measurement = name.split(".")
    if len(texts) != _OLD_PARTS - 1 or not all(text.isdecimal() for text in texts):
        return None
    if measurement.isdecimal():
        return None
    sequence, samples, size_bytes = map(int, texts)
    return Entry(sequence, samples, size_bytes, measurement)


def _into(data: bytes) -> Callable[[int, bytearray | memoryview], int]:
    def read(offset: int, buffer: bytearray | memoryview) -> int:
        part = data[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    return read
