"""What the time-series server can refuse, by what the caller should do next."""


class TimeSeriesError(Exception):
    """Base of every error of this package."""


class BusyError(TimeSeriesError):
    """A bounded queue is full; the same request may succeed later."""

    def __init__(self, queue: str, queued_max: int, retry_after_s: int = 1) -> None:
        super().__init__(f"the {queue} queue is full ({queued_max}); try again later")
        self.queue, self.queued_max, self.retry_after_s = queue, queued_max, retry_after_s


class DiskFullError(TimeSeriesError):
    """The write was not stored, in whole or in part, for want of room."""


class ClosedError(TimeSeriesError):
    """The engine is closed or closing."""

    def __init__(self) -> None:
        super().__init__("the time-series engine is closed")


class NotFoundError(TimeSeriesError):
    """A database, table or page that is named does not exist."""


class ConflictError(TimeSeriesError):
    """What should be made exists already."""


class NameRefusedError(TimeSeriesError):
    """A name the store cannot take."""


class QueryRefusedError(TimeSeriesError):
    """A statement that is wrong, or that this server does not answer."""


class QueryTimeoutError(TimeSeriesError):
    """A statement ran longer than its limit and was stopped."""

    def __init__(self, seconds_max: float) -> None:
        super().__init__(f"the query ran longer than {seconds_max:g} s and was stopped")
        self.seconds_max = seconds_max


class QueryCancelledError(TimeSeriesError):
    """A statement was stopped because its caller asked for it."""
