"""What a log says no with, told apart by what its owner does about it."""

from tidegate.errors import GateError


class LogError(GateError):
    """Base of the errors of the segment log."""


class LogFullError(LogError):
    """The log holds its bytes and its settings say to reject: slow down, or read faster."""

    def __init__(self, need_bytes: int, used_bytes: int, bytes_max: int) -> None:
        super().__init__(f"{need_bytes} bytes more than {used_bytes} of at most {bytes_max} bytes")
        self.need_bytes, self.used_bytes, self.bytes_max = need_bytes, used_bytes, bytes_max


class RecordTooLargeError(LogError):
    """A record by itself is larger than the whole log may be; trying again does not help."""

    def __init__(self, record_bytes: int, bytes_max: int) -> None:
        super().__init__(f"a record of {record_bytes} bytes in a log of at most {bytes_max} bytes")
        self.record_bytes, self.bytes_max = record_bytes, bytes_max


class LogWriteError(LogError):
    """The disk refused; the log is as it was before, and another try may do it."""


class LogLockedError(LogError):
    """Another process has the log open: end it first."""
