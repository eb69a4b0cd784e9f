"""What the board's code costs on the VM: `device_run.py CASE`, a function below. Prints JSON."""

import gc
import json
import os
import sys
import time

sys.path.append(__file__.rsplit("/", 1)[0] + "/lib/tidenode")  # ram_flash


def import_bytes():
    """The heap that all resident code takes, run out of mapped flash, beside what it imports."""
    import asyncio
    import ssl

    for name in ("Event", "Lock", "StreamReader", "wait_for_ms", "gather"):
        getattr(asyncio, name)
    assert ssl, "is held"
    import mapped_flash
    import vfs

    vfs.mount(vfs.VfsRom(mapped_flash.load(os.getenv("TIDEGAUGE_ROM"))), "/program")
    sys.path.insert(0, "/program")
    gc.collect()
    before = gc.mem_alloc()
    __import__("tidenode.resident")
    gc.collect()
    return gc.mem_alloc() - before


def encode():
    """Samples a second, and bytes a sample, of two slow fields in batches of 60."""
    from tidewire.batch import Batch
    from tidewire.column import DECIMAL, Column
    from tidewire.encoder import encode

    start_ms = 1_790_000_000_000
    times_ms = [start_ms + 1_000 * i + i * 7 % 3 for i in range(60)]
    columns = [
        Column("temperature_c", DECIMAL, 2, [2_150 + i // 4 + i * 5 % 3 for i in range(60)]),
        Column("humidity_percent", DECIMAL, 2, [5_210 - i // 3 + i * 7 % 5 for i in range(60)]),
    ]
    batch = Batch("farm", "board-1", "climate", 3, 1_000, times_ms, columns)
    began_us = time.ticks_us()
    for _ in range(100):
        payload = encode(batch)
    took_us = time.ticks_diff(time.ticks_us(), began_us)
    return [6_000 * 1_000_000 // took_us, len(payload) / 60]


def erases():
    """Erases per 1,000 records of 64 bytes, acknowledged as they go: LittleFS, then a ring.

    Counted over the third thousand, when neither is fresh any more.
    """
    return [_littlefs_erases(8), _littlefs_erases(64), _ring_erases()]


def _littlefs_erases(sync_batches):
    import vfs

    from tidenode.segments import Segments

    flash = _flash()
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    storage = Segments(folder="/flash/outbox", bytes_max=64 * 4_096)
    count = _erases(flash, storage, sync_batches)
    vfs.umount("/flash")
    return count


def _ring_erases():
    from tidenode.ring import Ring

    flash = _flash()
    return _erases(flash, Ring(flash), 1)


def _flash():
    """Return a flash of 128 blocks, half a megabyte, that counts."""
    from ram_flash import BLOCK, RamFlash

    class Counting(RamFlash):
        erased = 0

        def erase(self, block):
            self.erased += 1
            super().erase(block)

    return Counting(bytearray(b"\xff" * (BLOCK * 128)))


def _erases(flash, storage, sync_batches):
    from tidenode.outbox import Outbox

    outbox = Outbox(
        storage=storage,
        now_ms=lambda: 0,
        warn=print,
        sync_batches=sync_batches,
        sync_age_ms=1 << 30,
    )
    before = 0
    for number in range(3_000):
        if number == 2_000:
            before = flash.erased
        outbox.push("climate", 1, bytes(64))
        entry = outbox.next_after(-1)
        while entry is not None:
            outbox.acknowledge(entry)
            entry = outbox.next_after(entry.sequence)
    return flash.erased - before


print(json.dumps(globals()[sys.argv[1]]()))
