"""Boot a simulated board: `micropython -m boot`, told by TIDEGAUGE_BOARD, which is JSON.

    image              path of the flash image, a LittleFS
    partitions         paths of other partitions' images by label
    stand_ins          path of a ROMFS of this folder
    romfs              path of the image of the partition `romfs`
    seed               of the weather and its noise
    absent             names of measurements whose chip is not there
    drain_timeout_ms   how long the last batches may take after the stop
    reset_cause        why it boots, a number of `machine`
    behind_ns          how far its clock is behind the host's; null has it use the host's

Boots as the chip does: file system at `/`, modules from it, then `/main.py`.
"""

import asyncio
import gc
import json
import os
import sys

import mapped_flash as vfs

gc.threshold(2048)  # as main.py has it, before the imports make garbage
options = json.loads(os.getenv("TIDEGAUGE_BOARD"))
sys.modules["vfs"] = vfs
vfs.partition(options["romfs"])
# The stand-ins take no more of the board's heap than they must, and come last.
vfs.mount(vfs.VfsRom(vfs.load(options["stand_ins"])), "/sim")
sys.path[:] = [".frozen", "/sim"]

import console  # noqa: E402  # from what was mounted
import flash  # noqa: E402  # from what was mounted
import machine  # noqa: E402  # from what was mounted

device = vfs.VfsLfs2(flash.Flash(options["image"]))
for label, path in options["partitions"].items():
    import esp32

    esp32.partitions[label] = flash.Flash(path)
vfs.umount("/")
vfs.mount(device, "/")
os.chdir("/")
sys.path[:] = ["/", ".frozen", "/lib", "/sim"]
machine.cause = options["reset_cause"]
if options["behind_ns"] is not None:
    import cold_clock

    cold_clock.install(options["behind_ns"])


def _solder() -> None:
    import romfs
    import slots
    import soldering

    # By the drivers of the version that main.py will choose: another one's would be overwritten
    # in mapped flash while they are in use.
    slot, tries, kind = slots.state()
    if kind == slots.TRIAL and tries >= slots.TRIES_MAX:
        slot = slots.other(slot)
    folder = slots.folder(slot)
    sys.path[:0] = [romfs.home_of(folder), folder]
    try:
        from tidenode import drivers

        soldering.solder(options["seed"], options["absent"], drivers.options_of)
    except Exception:  # noqa: S110  # a version that can't start: main.py finds out too
        pass
    del sys.path[:2]
    sys.modules.pop("soldering").__dict__.clear()
    gc.collect()


if "alone" not in os.listdir("/update"):  # an update asks for the heap of the sensors
    _solder()
vfs.forget_start()
asyncio.create_task(console.report_for_ever())
asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))
__import__("main")
console.report(final=True)
