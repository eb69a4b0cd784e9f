"""Measure on the VM what the stand-ins take of a board's heap, with the chip of a module.

They run out of mapped flash, as on a simulated board, whose image is in TIDEGAUGE_ROM.

Prints the bytes of all that every board has, and those of the chip: `heap_run.py MODULE`.
"""

import asyncio
import gc
import json
import os
import sys

import vfs

OPTIONS = {"bus": 0, "address": 5, "pin": 4, "cs_pin": 4, "rom": None}


def used_bytes():
    gc.collect()
    return gc.mem_alloc()


async def main():
    await asyncio.sleep_ms(0)  # what the agent loads anyway is loaded before
    asyncio.Event()
    before = used_bytes()
    import mapped_flash

    vfs.mount(vfs.VfsRom(mapped_flash.load(os.getenv("TIDEGAUGE_ROM"))), "/stand_ins")
    mapped_flash.forget_start()
    sys.path.insert(0, "/stand_ins")
    import console
    import esp32
    import flash
    import machine
    import world

    around = world.World(0)
    tasks = [
        asyncio.create_task(console.report_for_ever()),
        asyncio.create_task(console.stop_when_told(0)),
    ]
    await asyncio.sleep_ms(1)
    watchdog = machine.WDT(timeout=60_000)
    machine.RTC().memory("")  # which is told whose driver runs
    all_boards = used_bytes() - before
    chip = __import__(sys.argv[1])
    chip.solder(machine, OPTIONS, around)
    del chip.solder
    one_chip = used_bytes() - before - all_boards
    assert flash.Flash, "is held"
    assert esp32.HEAP_DATA, "is held"
    assert tasks, "are held"
    assert watchdog, "is held"
    print(json.dumps([all_boards, one_chip]))


asyncio.run(main())
