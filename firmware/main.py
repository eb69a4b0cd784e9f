"""Start the version of the program that is in force.

This file, `slots` and `romfs` are never updated.
"""

import gc
import sys

gc.threshold(2048)  # before the imports: garbage between modules would leave the heap in pieces

import romfs
import slots

sys.path.insert(0, slots.choose())
sys.path.insert(0, romfs.home_of(sys.path[0]))
for name in ("romfs", "slots"):  # kilobytes of heap
    sys.modules.pop(name).__dict__.clear()
del romfs, slots

try:
    from tidenode import start

    start.run()
except Exception as error:  # the outermost loop of the board
    import slots

    if not slots.fall_back(repr(error)):
        raise  # starting anew would find the same
    sys.print_exception(error, sys.stderr)
    import machine

    machine.reset()
