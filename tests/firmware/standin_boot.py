"""Boot the stand-in for a board: `micropython -i standin_boot.py IMAGE MODE [OUTBOX]`.

As the chip does: file system at `/`, modules from `/lib`, then `/main.py` unless MODE is `raw`.
The marker tells the bridge where the board's own output begins. No sensor is soldered to it.
"""

import asyncio
import os
import sys

import console
import esp32
import flash
import machine
import vfs

_image, _mode = sys.argv[1:3]
if len(sys.argv) > 3:
    esp32.partitions["outbox"] = flash.Flash(sys.argv[3])
_device = vfs.VfsLfs2(flash.Flash(_image))
_stand_ins = vfs.VfsPosix(os.getenv("MICROPYPATH").split(":")[0])
vfs.umount("/")
vfs.mount(_device, "/")
vfs.mount(_stand_ins, "/sim")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib", "/sim"]
sys.stdout.write("\0BOOTED\0")
if _mode != "raw":
    asyncio.create_task(console.report_for_ever())  # noqa: RUF006  # the loop keeps it
    try:
        __import__("main")
    except SystemExit as end:  # of which `-i` makes a prompt: the bridge knows this signal
        if end.args[0] == machine.RESET_EXIT_CODE:
            os.system("kill -USR1 $PPID")  # noqa: S605  # the shell's parent is the board
    except Exception as error:  # as on the chip: printed, and the prompt comes
        sys.print_exception(error)
