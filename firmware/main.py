"""Start the version of the program that is in force. This file and `slots` are never updated."""

import gc
import sys

gc.threshold(2048)  # before the imports: garbage between modules would leave the heap in pieces

import slots

sys.path.insert(0, slots.choose())
sys.modules.pop("slots")  # kilobytes of heap
del slots

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
