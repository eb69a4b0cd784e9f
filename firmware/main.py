"""Start the agent; after a fault that no stage could handle, start the board anew."""

import asyncio
import gc
import sys
import time

import machine

gc.threshold(2048)  # before the imports: garbage between modules would leave the heap in pieces

from tidenode import app
from tidenode.errors import ConfigError

FAULT_PAUSE_MS = 5_000  # time to read the message and to stop a loop of faults by Ctrl-C

try:
    agent = app.build()
    app.forget_start()
    asyncio.run(agent.run())
except ConfigError:
    raise  # starting anew would find the same file
except Exception as error:  # the outermost loop of the board
    sys.print_exception(error, sys.stderr)
    time.sleep_ms(FAULT_PAUSE_MS)
    machine.reset()
