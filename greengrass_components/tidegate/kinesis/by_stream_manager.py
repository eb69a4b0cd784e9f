"""Put records into Kinesis by way of a Stream Manager, AWS's or ours.

Flow: producer -> [by stream manager] ~stream protocol~> Stream Manager -> Kinesis
A record is taken once Stream Manager has it in its file; from there on keeping it is its affair.
It puts each message as one record, AWS's under a random partition key: so records are
aggregates always, whose key inside says which gateway they are from.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tidegate.kinesis.client import Result
from tidegate.kinesis.errors import KinesisBusyError
from tidegate.kinesis.uplink_settings import StreamManagerSettings
from tidegate.streams import (
    Status,
    StreamClient,
    StreamRequestError,
    StreamsError,
)

EXPORT = "kinesis"
REQUEST_TIMEOUT_S = 20.0


class ByStreamManager:
    """A `PutClient`; connects when it has something to put, and again after each failure."""

    def __init__(self, settings: StreamManagerSettings, kinesis_stream: str) -> None:
        self._settings, self._kinesis_stream = settings, kinesis_stream
        self._client: StreamClient | None = None
        self._absent_since_s: float | None = None

    @property
    def absent_s(self) -> float:
        """How long it has not been there now, 0.0 while it is; a full stream is no absence."""
        return 0.0 if self._absent_since_s is None else time.monotonic() - self._absent_since_s

    async def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        """Append the records' data; a full stream is an error of the record, and tried again."""
        try:
            client = await self.connected()
            answers = await client.try_append_many(
                self._settings.stream, [data for _, data in records]
            )
        except (StreamsError, TimeoutError, OSError) as error:
            self.close()
            code = "Timeout" if isinstance(error, TimeoutError) else type(error).__name__
            raise KinesisBusyError(code, str(error)) from error
        return [
            Result(f"StreamManager{answer.status}", str(answer))
            if isinstance(answer, StreamRequestError)
            else Result()
            for answer in answers
        ]

    async def connected(self) -> StreamClient:
        """Return the connection, with the stream declared on it; raises `StreamsError`."""
        if self._client is None or not self._client.is_connected:
            try:
                self._client = await self._connect()
            except (StreamsError, TimeoutError, OSError):
                if self._absent_since_s is None:
                    self._absent_since_s = time.monotonic()
                raise
            self._absent_since_s = None
        return self._client

    async def _connect(self) -> StreamClient:
        settings = self._settings
        client = await StreamClient.connect(
            port=settings.port,
            socket_path=Path(settings.socket) if settings.socket else None,
            token=_token(settings),
            request_timeout_s=REQUEST_TIMEOUT_S,
        )
        try:
            await self._declare(client)
        except BaseException:
            client.close()
            raise
        return client

    def close(self) -> None:
        """End the connection."""
        if self._client:
            self._client.close()
        self._client = None

    async def _declare(self, client: StreamClient) -> None:
        """Make the stream with its export, or bring the one there is to it.

        `RejectNewData`: what has no room waits in the outboxes, which have the policy.
        """
        definition = {
            "name": self._settings.stream,
            "maxSize": self._settings.mebibytes_max << 20,
            "streamSegmentSize": min(16, self._settings.mebibytes_max) << 20,
            "strategyOnFull": 0,
            "persistence": 0,
            "flushOnWrite": True,
            "exportDefinition": {
                "kinesis": [{"identifier": EXPORT, "kinesisStreamName": self._kinesis_stream}]
            },
        }
        try:
            await client.ensure(definition)
        except StreamRequestError as error:
            if error.status != Status.UPDATE_NOT_ALLOWED:
                raise  # else it is smaller or larger than what it holds: it serves as it is


def _token(settings: StreamManagerSettings) -> str | None:
    path = Path(settings.token_file)
    if path.is_file():
        return path.read_text().strip()
    return os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
