"""Boot a simulated board: `micropython -m boot`, told by TIDEGAUGE_BOARD, which is JSON.

    image              path of the flash image, a LittleFS
    partitions         paths of other partitions' images by label
    stand_ins          path of this folder, compiled
    seed               of the weather and its noise
    absent             names of measurements whose chip is not there
    drain_timeout_ms   how long the last batches may take after the stop
    reset_cause        why it boots, a number of `machine`

Boots as the chip does: file system at `/`, modules from it, then `/main.py`.
"""

import asyncio
import gc
import json
import os
import sys

import console
import flash
import machine
import vfs

gc.threshold(2048)  # as main.py has it, before the imports make garbage
options = json.loads(os.getenv("TIDEGAUGE_BOARD"))
device = vfs.VfsLfs2(flash.Flash(options["image"]))
for label, path in options["partitions"].items():
    import esp32

    esp32.partitions[label] = flash.Flash(path)
vfs.umount("/")
vfs.mount(device, "/")
vfs.mount(vfs.VfsPosix(options["stand_ins"]), "/sim")
os.chdir("/")
# The stand-ins come last and are loaded when they are asked for: they share the board's heap.
sys.path[:] = ["/", ".frozen", "/lib", "/sim"]
machine.cause = options["reset_cause"]


def _solder() -> None:
    import slots
    import soldering

    # By the drivers of the version that is in force; main.py will choose it again.
    sys.path.insert(0, slots.folder(slots.state()[0]))
    try:
        from tidenode import drivers

        soldering.solder(options["seed"], options["absent"], drivers.options_of)
    except Exception:  # noqa: S110  # a version that can't start: main.py finds out too
        pass
    sys.path.pop(0)
    sys.modules.pop("soldering").__dict__.clear()
    gc.collect()


if "alone" not in os.listdir("/update"):  # an update asks for the heap of the sensors
    _solder()
asyncio.create_task(console.report_for_ever())
asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))
__import__("main")
console.report(final=True)
