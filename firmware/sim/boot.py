"""Boot a simulated board: `micropython -m boot`, told by TIDEGAUGE_BOARD, which is JSON.

    image              path of the flash image, a LittleFS
    stand_ins          path of this folder, compiled
    seed               of the weather and its noise
    absent             names of measurements whose chip is not there
    drain_timeout_ms   how long the last batches may take after the stop

Boots as the chip does: file system at `/`, modules from `/lib`, then `/main.py`.
"""

import asyncio
import gc
import json
import os
import sys

import console
import flash
import vfs

gc.threshold(2048)  # as main.py has it, before the imports make garbage
options = json.loads(os.getenv("TIDEGAUGE_BOARD"))
device = vfs.VfsLfs2(flash.Flash(options["image"]))
vfs.umount("/")
vfs.mount(device, "/")
vfs.mount(vfs.VfsPosix(options["stand_ins"]), "/sim")
os.chdir("/")
# The stand-ins come last and are loaded when they are asked for: they share the board's heap.
sys.path[:] = ["/lib", ".frozen", "/", "/sim"]


def _solder() -> None:
    import soldering

    from tidenode import drivers

    soldering.solder(options["seed"], options["absent"], drivers.options_of)
    sys.modules.pop("soldering").__dict__.clear()
    gc.collect()


_solder()
asyncio.create_task(console.report_for_ever())
asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))
__import__("main")
console.report(final=True)
