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

import gc
import json
import os
import sys

import mapped_flash as vfs

gc.threshold(2048)  # as main.py has it, before the imports make garbage
options = json.loads(os.getenv("TIDEGAUGE_BOARD"))
sys.modules["vfs"] = vfs
vfs.partition(options["romfs"])
# The rest of the stand-ins is there, so that it takes no more of the board's heap than it must.
vfs.mount(vfs.VfsRom(vfs.load(options["stand_ins"])), "/sim")
sys.path[:] = [".frozen", "/sim"]
__import__("board").assemble(options)
sys.modules.pop("board").__dict__.clear()
vfs.forget_start()
del options, vfs
__import__("main")
sys.modules["console"].report(final=True)
