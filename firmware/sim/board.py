"""Put the board together, all but its mapped flash. Needed at the start only."""

import asyncio
import gc
import os
import sys

import console
import flash
import machine
import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def assemble(options: "dict[str, Any]") -> None:
    """Mount the file system, solder chips, and listen to the host. `options` as in `boot`."""
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
    if "alone" not in os.listdir("/update"):  # an update asks for the heap of the sensors
        _solder(options)
    asyncio.create_task(console.report_for_ever())  # the loop keeps it
    asyncio.create_task(console.stop_when_told(options["drain_timeout_ms"]))


def _solder(options: "dict[str, Any]") -> None:
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
