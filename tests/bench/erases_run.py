"""Count a flash's erases below an outbox: `erases_run.py STORAGE BATCHES BYTES SYNC BLOCKS`.

For MicroPython, whose LittleFS this is. The outbox runs as on a board whose link is up: what is
durable is read, sent and acknowledged. Prints how often blocks were erased and what was
programmed while BATCHES of BYTES came in, SYNC of them for one file, after as many warmed it up.
"""

import json
import sys

sys.path.append(__file__.rsplit("/bench/", 1)[0] + "/firmware/lib/tidenode")
import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.outbox import Outbox
from tidenode.recovery import recover
from tidenode.ring import Ring
from tidenode.segments import Segments


def run(outbox, batches, payload):
    buffer = bytearray(len(payload))
    for _ in range(batches):
        outbox.push("climate", 60, payload)
        entry = outbox.next_after(-1)
        while entry is not None:
            outbox.read_into(entry, memoryview(buffer))
            outbox.acknowledge(entry)
            entry = outbox.next_after(entry.sequence)


def main(which, batches, payload_bytes, sync_batches, blocks):
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * blocks)))
    if which == "ring":
        storage = Ring(flash)
    else:
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
        found = recover("/flash/outbox")
        storage = Segments(folder="/flash/outbox", found=found, bytes_max=BLOCK * blocks // 2)
    outbox = Outbox(storage=storage, now_ms=lambda: 0, warn=print, sync_batches=sync_batches)
    payload = bytes(range(256)) * (payload_bytes // 256) + bytes(payload_bytes % 256)
    run(outbox, batches, payload)
    flash.erases = [0] * blocks
    flash.programmed_bytes = 0
    run(outbox, batches, payload)
    print(
        json.dumps(
            {
                "erases": sum(flash.erases),
                "erases_most": max(flash.erases),
                "erases_least": min(flash.erases),
                "programmed_bytes": flash.programmed_bytes,
            }
        )
    )


main(sys.argv[1], *[int(text) for text in sys.argv[2:]])
