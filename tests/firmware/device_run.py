"""What the board's code costs on the VM: `device_run.py CASE`, a function below. Prints JSON."""

import gc
import json
import os
import sys
import time


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


print(json.dumps(globals()[sys.argv[1]]()))
