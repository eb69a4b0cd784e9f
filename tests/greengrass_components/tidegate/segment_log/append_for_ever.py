"""Append until killed, and print each sequence number once it is taken. Argument: the folder."""

import os
import sys
from pathlib import Path

from tidegate.segment_log import LogSettings, SegmentLog

log = SegmentLog(Path(sys.argv[1]), LogSettings(bytes_max=1 << 28, segment_bytes=65_536))
while True:
    os.write(1, b"%d\n" % log.append(b"%d," % log.next_sequence * 9))
