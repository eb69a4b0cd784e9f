"""What can go wrong between a client and the stream manager."""

from tidegate.errors import GateError
from tidegate.streams.status import Status


class StreamsError(GateError):
    """Base of the errors of the stream manager and its client."""


class StreamRequestError(StreamsError):
    """A request was answered with a status that is not success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{_name(status)}: {message}")
        self.status, self.message = status, message


class StreamFrameError(StreamsError):
    """Bytes that are no frame of the protocol: the connection can't go on."""


class StreamConnectionError(StreamsError):
    """There is no connection, or it ended: whether a request was taken is not known."""


def _name(status: int) -> str:
    try:
        return Status(status).name
    except ValueError:
        return f"status {status}"
