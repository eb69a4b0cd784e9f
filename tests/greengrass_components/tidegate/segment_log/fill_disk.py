"""Append until files may not grow any more, then something that fits. Argument: the folder."""

import signal
import sys
from pathlib import Path

from tidegate.segment_log import LogSettings, LogWriteError, SegmentLog

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = SegmentLog(Path(sys.argv[1]), LogSettings(bytes_max=8_192, segment_bytes=1_024))
try:
    while True:
        log.append(b"x" * 90)
except LogWriteError as error:
    print(log.next_sequence, type(error).__name__)
print(log.next_sequence, log.append(b"y"))
