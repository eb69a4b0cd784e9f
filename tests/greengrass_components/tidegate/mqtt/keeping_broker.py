"""A broker of one subscriber that sends again what was not acknowledged (MQTT 3.1.1, 4.4).

It stands in for mosquitto, since amqtt forgets what was under way when a link breaks.
"""

import asyncio
import contextlib
from collections import deque
from typing import Self

_CONNECT, _PUBACK, _SUBSCRIBE, _PING = 1, 4, 8, 12
_IN_FLIGHT_MAX = 20  # mosquitto's own


class KeepingBroker:
    """Publishes what `send` queues, at most `_IN_FLIGHT_MAX` unacknowledged."""

    def __init__(self) -> None:
        self.port = 0
        self.connects = self.again = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._unacknowledged: dict[int, tuple[str, bytes]] = {}
        self._next = 0
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()

    def send(self, topic: str, payload: bytes) -> None:
        """Queue a message of QoS 1."""
        self._waiting.append((topic, payload))
        self._flow()

    def cut(self) -> None:
        """Break the link."""
        if self._writer:
            self._writer.transport.abort()

    @property
    def left(self) -> int:
        """How many messages are not acknowledged."""
        return len(self._waiting) + len(self._unacknowledged)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, body = await _packet(reader)
                if kind == _CONNECT:
                    self.connects += 1
                    writer.write(bytes([0x20, 2, self.connects > 1, 0]))
                elif kind == _SUBSCRIBE:
                    filters = body.count(b"\x01", 2)  # each ends with its QoS
                    writer.write(bytes([0x90, 2 + filters]) + body[:2] + b"\x01" * filters)
                    self._writer = writer
                    for number, message in self._unacknowledged.items():
                        self.again += 1
                        self._publish(number, *message, duplicate=True)
                    self._flow()
                elif kind == _PUBACK:
                    self._unacknowledged.pop(int.from_bytes(body, "big"), None)
                    self._flow()
                elif kind == _PING:
                    writer.write(b"\xd0\x00")
        if self._writer is writer:
            self._writer = None
        writer.close()

    def _flow(self) -> None:
        while self._writer and self._waiting and len(self._unacknowledged) < _IN_FLIGHT_MAX:
            self._next += 1
            self._unacknowledged[self._next] = message = self._waiting.popleft()
            self._publish(self._next, *message, duplicate=False)

    def _publish(self, number: int, topic: str, payload: bytes, *, duplicate: bool) -> None:
        assert self._writer
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") + payload
        assert len(body) < 1 << 14
        size = [len(body) & 0x7F | 0x80, len(body) >> 7] if len(body) > 127 else [len(body)]
        self._writer.write(bytes([0x32 | (8 if duplicate else 0), *size]) + body)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first >> 4, await reader.readexactly(size)
