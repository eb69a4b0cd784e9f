"""Streams of messages on a gateway: a server and a client of AWS's Stream Manager protocol."""

from tidegate.streams.client import Message, StreamClient
from tidegate.streams.errors import (
    StreamConnectionError,
    StreamFrameError,
    StreamRequestError,
    StreamsError,
)
from tidegate.streams.status import Status

__all__ = [
    "Message",
    "Status",
    "StreamClient",
    "StreamConnectionError",
    "StreamFrameError",
    "StreamRequestError",
    "StreamsError",
]
