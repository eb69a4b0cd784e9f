"""A board that gets a partition for its outbox goes on there, with what its files still hold."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.ram_flash import RamFlash
from tests.firmware.lib.tidenode.storages import BLOCK, Flash
from tidenode.entry import Entry
from tidenode.outbox import Outbox
from tidenode.ring import Ring
from tidenode.taking_over import take_over


def ring_of(cells: bytearray, folder: Path) -> Outbox:
    ring = Ring(RamFlash(cells))
    take_over(ring, str(folder))
    return Outbox(storage=ring, now_ms=lambda: 0, warn=print)


def queued(outbox: Outbox) -> dict[Entry, bytes]:
    found: dict[Entry, bytes] = {}
    after = -1
    while entry := outbox.next_after(after):
        after = entry.sequence
        payload = bytearray(entry.size_bytes)
        outbox.read_into(entry, memoryview(payload))
        found[entry] = bytes(payload)
    return found


def fill(folder: Path) -> Path:
    """Leave five batches in files: the first acknowledged, the fourth a hole."""
    for path in folder.iterdir() if folder.exists() else ():
        path.unlink()
    outbox = Flash("segments", folder, blocks=16).opened()
    for number in range(3):
        outbox.push("climate", 10 + number, b"payload %d" % number)
    outbox.lose(5)
    outbox.push("health", 1, b"payload 4")
    first = outbox.next_after(-1)
    assert first
    outbox.acknowledge(first)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "outbox")


WANTED = {
    Entry(1, 11, 9, "climate"): b"payload 1",
    Entry(2, 12, 9, "climate"): b"payload 2",
    Entry(4, 1, 9, "health"): b"payload 4",
}


def test_a_fresh_ring_goes_on_where_the_files_end(folder: Path) -> None:
    cells = bytearray(b"\xff" * (8 * BLOCK))
    outbox = ring_of(cells, folder)
    assert (queued(outbox), outbox.next_sequence, outbox.dropped) == (WANTED, 5, 5)
    assert {path.name for path in folder.iterdir()} == {"4.sent", "5.3.dropped"}
    again = ring_of(cells, folder)
    assert (queued(again), again.next_sequence, again.dropped) == (WANTED, 5, 5)


def test_a_cut_between_is_taken_up_at_the_next_start(folder: Path) -> None:
    device = RamFlash(bytearray(b"\xff" * (8 * BLOCK)))
    device.journal = []
    take_over(Ring(device), str(folder))
    assert len(device.journal) > 8
    for cut in range(len(device.journal)):
        fill(folder)  # they go when all has come
        cells = bytearray(b"\xff" * (8 * BLOCK))
        for at, data in device.journal[:cut]:
            programmed = b"\xff" * BLOCK if data is None else data
            cells[at : at + len(programmed)] = programmed
        found = ring_of(cells, folder)
        assert (queued(found), found.next_sequence, found.dropped) == (WANTED, 5, 5), cut


def test_a_partition_that_fails_ends_no_start_and_what_it_does_not_take_is_counted(
    folder: Path,
) -> None:
    device = RamFlash(bytearray(b"\xff" * (8 * BLOCK)))

    def failing(*_: object) -> None:
        raise OSError(5, "worn out")

    device.writeblocks = failing  # type: ignore[method-assign]  # a flash that fails for good
    ring = Ring(device)
    take_over(ring, str(folder))
    outbox = Outbox(storage=ring, now_ms=lambda: 0, warn=print)
    assert (outbox.next_sequence, len(queued(outbox))) == (5, 0)
    assert outbox.dropped == 5 + 11 + 12 + 1
