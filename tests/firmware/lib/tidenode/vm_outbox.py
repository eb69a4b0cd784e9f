"""The outbox on a real LittleFS that is full."""

import os

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.boots import count_boot
from tidenode.outbox import Outbox
from tidenode.recovery import recover
from tidenode.segments import Segments

PLACE, FOLDER = "/flash", "/flash/outbox"
BLOCKS = 12  # LittleFS keeps some for itself
told = []


def opened():
    storage = Segments(folder=FOLDER, found=recover(FOLDER), bytes_max=256 * BLOCK)
    return Outbox(storage=storage, now_ms=lambda: 0, warn=told.append)


def mounted():
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), PLACE)


def held(outbox):
    found, entry = [], outbox.next_after(-1)
    while entry is not None:
        payload = bytearray(entry.size_bytes)
        outbox.read_into(entry, memoryview(payload))
        assert payload == bytes([entry.sequence]) * entry.size_bytes
        found.append(entry.sequence)
        entry = outbox.next_after(entry.sequence)
    return found


async def test_a_full_flash_lets_go_of_the_oldest_and_counts_it():
    mounted()
    outbox = opened()
    for sequence in range(40):
        outbox.push("climate", 10, bytes([sequence]) * 4_000)
    kept = held(outbox)
    assert kept == list(range(40))[-len(kept) :]
    assert len(kept) >= 4, kept
    assert outbox.dropped == 10 * (40 - len(kept))
    again = opened()
    assert held(again) == kept
    assert (again.dropped, again.next_sequence) == (outbox.dropped, 40)


async def test_a_batch_that_the_flash_can_not_hold_is_counted_and_the_next_one_is_kept():
    mounted()
    with open(PLACE + "/others", "wb") as file:
        file.write(bytes(3 * BLOCK))
    outbox = opened()
    outbox.push("climate", 1, b"first")
    outbox.push("climate", 500, bytes(32_000))
    assert (len(outbox), outbox.dropped, len(told)) == (0, 501, 1)
    outbox.push("climate", 10, bytes([2]) * 4_000)
    again = opened()
    assert (held(again), again.dropped, again.next_sequence) == ([2], 501, 3)


async def test_a_flash_filled_by_others_loses_samples_and_counts_them():
    mounted()
    outbox = opened()
    try:
        with open(PLACE + "/others", "wb") as file:
            while True:
                file.write(bytes(BLOCK))
                file.flush()
    except OSError:
        pass
    for sequence in range(3):
        outbox.push("climate", 10, bytes([sequence]) * 4_000)
    assert outbox.dropped + 10 * len(outbox) == 30
    assert outbox.dropped >= 10 * len(told)
    assert outbox.accepted + 10 * len(told) == 30
    os.remove(PLACE + "/others")
    outbox.push("climate", 10, bytes([3]) * 4_000)
    assert held(opened())[-1] == 3


async def test_a_full_flash_lets_the_board_boot_again_and_again():
    mounted()
    outbox = opened()
    for boot in range(1, 30):
        assert count_boot(FOLDER) == boot
        outbox = opened()
        for _ in range(3):
            outbox.push("climate", 10, bytes([outbox.next_sequence]) * 4_000)
    kept = held(opened())
    assert outbox.dropped == 10 * (29 * 3 - len(kept))
