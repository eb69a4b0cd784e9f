"""Read a board's log from standard input, write it with tracebacks that point at the sources."""

import signal
import sys

from tidectl.bundle import firmware_bundle
from tidectl.bundle.traceback import in_sources
from tidectl.firmware_image import FIRMWARE

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads it may have seen enough
for line in sys.stdin:
    sys.stdout.write(in_sources(line, firmware_bundle(FIRMWARE)))
