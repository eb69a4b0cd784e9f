"""A light client of the stream manager, ours or AWS's: many requests on their way at once.

Unlike AWS's SDK it does not wait for one append before the next, needs no thread, and fails what
waits at once when the connection ends.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from tidegate.streams.client_connection import ClientConnection
from tidegate.streams.errors import StreamConnectionError, StreamRequestError
from tidegate.streams.status import Operation

PORT_DEFAULT = "8088"
REQUEST_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 3.0
_VERSIONS = ("1.1.0", "1.0.0")


class Message(NamedTuple):
    """A message of a stream; `ingest_at_ms` is when the stream manager took it."""

    sequence: int
    ingest_at_ms: int
    payload: bytes


class StreamClient:
    """Use `async with await StreamClient.connect(...)`, in one event loop.

    Every call raises `StreamRequestError` where the server says no, `StreamConnectionError`
    where there is no connection any more (then make another client) and `TimeoutError`.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def connect(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        socket_path: Path | None = None,
        token: str | None = None,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Self:
        """Connect to a Unix socket, or a port: that of the environment, or 8088."""
        port = port or int(os.environ.get("STREAM_MANAGER_SERVER_PORT", PORT_DEFAULT))
        connection = ClientConnection(request_timeout_s)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if socket_path is not None:
                    await loop.create_unix_connection(lambda: connection, str(socket_path))
                else:
                    await loop.create_connection(lambda: connection, host, port)
        except OSError as error:
            raise StreamConnectionError(
                f"no stream manager at {socket_path or f'{host}:{port}'}: {error};"
                " is the component running?"
            ) from error
        try:
            await _shake_hands(
                connection, token or os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            )
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        """Whether calls can be made."""
        return self._connection.is_open

    def close(self) -> None:
        """End the connection; what waits fails."""
        self._connection.close()

    async def create(self, definition: Mapping[str, Any]) -> None:
        """Make a stream; `definition` has the wire's names, as AWS documents them."""
        await self._connection.call(Operation.CREATE, {"definition": dict(definition)})

    async def update(self, definition: Mapping[str, Any]) -> None:
        """Change a stream to `definition`, which is complete."""
        await self._connection.call(Operation.UPDATE, {"definition": dict(definition)})

    async def ensure(self, definition: Mapping[str, Any]) -> None:
        """Make a stream, or bring the one there is to `definition`."""
        if definition["name"] in await self.names():
            await self.update(definition)
        else:
            await self.create(definition)

    async def delete(self, name: str) -> None:
        """Delete a stream and all that is in it."""
        await self._connection.call(Operation.DELETE, {"name": name})

    async def names(self) -> list[str]:
        """Return the names of all streams."""
        return list((await self._connection.call(Operation.LIST, {}))["streams"])

    async def describe(self, name: str) -> dict[str, Any]:
        """Return AWS's `MessageStreamInfo` of a stream."""
        answer = await self._connection.call(Operation.DESCRIBE, {"name": name})
        return dict(answer["messageStreamInfo"])

    async def append(self, name: str, payload: bytes) -> int:
        """Append a message and return its sequence number."""
        return (await self.append_many(name, (payload,)))[0]

    async def append_many(self, name: str, payloads: Sequence[bytes]) -> list[int]:
        """Append messages in their order, all on their way at once; return sequence numbers.

        Raises `StreamRequestError` if one was refused: those before and behind it may be taken.
        """
        sequences: list[int] = []
        for end in await self.try_append_many(name, payloads):
            if isinstance(end, StreamRequestError):
                raise end
            sequences.append(end)
        return sequences

    async def try_append_many(
        self, name: str, payloads: Sequence[bytes]
    ) -> list[int | StreamRequestError]:
        """Append messages; return what became of each: its sequence number, or the refusal."""
        if not payloads:
            return []
        return [
            int(answer["sequenceNumber"]) if isinstance(answer, dict) else answer
            for answer in await self._connection.append_many(name, payloads)
        ]

    async def read(
        self,
        name: str,
        start: int = 0,
        *,
        count_min: int = 1,
        count_max: int = 1_000,
        timeout_ms: int = 0,
    ) -> list[Message]:
        """Return messages from `start` on; raises with NOT_ENOUGH_MESSAGES below `count_min`."""
        options = {
            "desiredStartSequenceNumber": start,
            "minMessageCount": count_min,
            "maxMessageCount": max(count_min, count_max),
            "readTimeoutMillis": timeout_ms,
        }
        answer = await self._connection.call(
            Operation.READ, {"streamName": name, "readMessagesOptions": options}
        )
        return [
            Message(one["sequenceNumber"], one.get("ingestTime", 0), one["payload"])
            for one in answer["messages"]
        ]


async def _shake_hands(connection: ClientConnection, token: str | None) -> None:
    body: dict[str, Any] = {
        "protocolVersion": _VERSIONS[0],
        "otherSupportedProtocolVersions": list(_VERSIONS[1:]),
        "sdkVersion": "1.1.2",
    }
    if token:
        body["authToken"] = token
    connection.greet()
    await connection.call(Operation.CONNECT, body)
