"""A crash-safe log of records in segment files, with a cursor for each reader."""

from tidegate.segment_log.cursors import Cursor, Cursors
from tidegate.segment_log.errors import (
    LogError,
    LogFullError,
    LogLockedError,
    LogWriteError,
    RecordTooLargeError,
)
from tidegate.segment_log.record import HEADER_BYTES, Record
from tidegate.segment_log.segment_log import SegmentLog
from tidegate.segment_log.settings import LogSettings, Sync, WhenFull

__all__ = [
    "HEADER_BYTES",
    "Cursor",
    "Cursors",
    "LogError",
    "LogFullError",
    "LogLockedError",
    "LogSettings",
    "LogWriteError",
    "Record",
    "RecordTooLargeError",
    "SegmentLog",
    "Sync",
    "WhenFull",
]
