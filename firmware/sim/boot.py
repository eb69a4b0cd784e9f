"""Boot a simulated board: `micropython -m boot`, told by TIDEGAUGE_BOARD, which is JSON.

    image              path of the flash image, a LittleFS
    stand_ins          path of this folder, compiled
    seed               of the weather and its noise
    drain_timeout_ms   how long the last batches may take after the stop

Boots as the chip does: file system at `/`, modules from `/lib`, then `/main.py`.
"""

import asyncio
import json
import os
import sys
import time

import console
import flash
import vfs

_CHIP = (0, 0x76)  # the bus and the address of the one simulated chip, the driver's defaults

options = json.loads(os.getenv("TIDEGAUGE_BOARD"))
device = vfs.VfsLfs2(flash.Flash(options["image"]))
vfs.umount("/")
vfs.mount(device, "/")
vfs.mount(vfs.VfsPosix(options["stand_ins"]), "/sim")
os.chdir("/")
# The stand-ins come last and are loaded when they are asked for: they share the board's heap.
sys.path[:] = ["/lib", ".frozen", "/", "/sim"]


def _solder() -> None:
    import bme280
    import machine
    import weather

    machine.chips[_CHIP] = bme280.Bme280(weather.Weather(options["seed"]).at, _now_ms)


def _now_ms() -> int:
    return int(time.time_ns() // 1_000_000)


_solder()
asyncio.create_task(console.report_for_ever())
asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))
__import__("main")
console.report(final=True)
