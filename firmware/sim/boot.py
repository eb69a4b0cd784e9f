"""Boot a simulated board: `micropython -m boot OPTIONS`, OPTIONS being JSON.

    image              path of the flash image, a LittleFS
    seed               of the weather and its noise
    drain_timeout_ms   how long the last batches may take after the stop

Boots as the chip does: file system at `/`, modules from `/lib`, then `/main.py`. All of the
host's files that are needed are opened before, for then they are out of reach.
"""

import asyncio
import json
import os
import sys
import time
import vfs

import bme280
import console
import esp32  # noqa: F401  # loaded now, for the firmware to find
import flash
import machine
import network  # noqa: F401  # as above
import weather

options = json.loads(sys.argv[1])
outside = weather.Weather(options["seed"])
now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
for wiring in ((0, 0x76), (0, 0x77), (1, 0x76), (1, 0x77)):
    machine.chips[wiring] = bme280.Bme280(outside.at, now_ms)

device = vfs.VfsLfs2(flash.Flash(options["image"]))
vfs.umount("/")
vfs.mount(device, "/")
os.chdir("/")
sys.path[:] = ["/lib", ".frozen", "/"]

asyncio.create_task(console.report_for_ever())
asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))
__import__("main")
console.report(final=True)
