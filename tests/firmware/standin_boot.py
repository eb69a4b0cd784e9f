"""Boot the stand-in for a board: `micropython -i standin_boot.py IMAGE MODE`.

As the chip does: file system at `/`, modules from `/lib`, then `/main.py` unless MODE is `raw`.
The marker tells the bridge where the board's own output begins. No sensor is soldered to it.
"""

import asyncio
import os
import sys

# All of them here: later the folder they are in is out of sight, as on a board.
import console
import esp32  # noqa: F401
import flash
import machine  # noqa: F401
import network  # noqa: F401
import vfs
import wdt  # noqa: F401

_image, _mode = sys.argv[1:3]
_device = vfs.VfsLfs2(flash.Flash(_image))
vfs.umount("/")
vfs.mount(_device, "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.stdout.write("\0BOOTED\0")
if _mode != "raw":
    asyncio.create_task(console.report_for_ever())  # noqa: RUF006  # the loop keeps it
    try:
        __import__("main")
    except Exception as error:  # as on the chip: printed, and the prompt comes
        sys.print_exception(error)
