"""A TCP proxy on loopback that cuts, stalls and half-closes on command.

Flow: client -> [proxy] -> server
Bounded: one 64 KiB chunk in flight per direction and connection.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

CHUNK_BYTES_MAX = 65_536
STOP_TIMEOUT_S = 5.0


@dataclass(slots=True, eq=False)
class _Pair:
    """One client and the connection to the server opened for it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class FaultyProxy:
    """Forward to `target_port` until told to misbehave; every fault is counted in `faults`."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.faults: dict[str, int] = {}
        self._pairs: set[_Pair] = set()
        self._refusing = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection (RST), as when a router restarts."""
        self._run(self._on_each("cut", _reset))

    def half_close(self) -> None:
        """End the stream towards the client and keep taking its bytes."""
        self._run(self._on_each("half_close", _half_close))

    def stall(self) -> None:
        """Stop forwarding in both directions and keep the connections open."""
        self._run(self._on_each("stall", _stall))

    def refuse(self) -> None:
        """Reset what is open, and each new connection until `accept`."""
        self._refusing = True
        self._run(self._on_each("refuse", _reset))

    def accept(self) -> None:
        """Forward new connections again."""
        self._refusing = False

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._pairs)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._listener.close()
        await self._on_each("stop", _reset)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _abort(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            _abort(writer)
            return
        pair = _Pair(writer, far_writer)
        self._pairs.add(pair)
        pair.tasks = [
            asyncio.create_task(_pump(reader, far_writer)),
            asyncio.create_task(_pump(far_reader, writer)),
        ]
        await asyncio.wait(pair.tasks)
        if not any(task.cancelled() for task in pair.tasks):
            self._pairs.discard(pair)
            writer.close()
            far_writer.close()

    async def _on_each(self, fault: str, do: Any) -> None:
        for pair in list(self._pairs):
            self.faults[fault] = self.faults.get(fault, 0) + 1
            do(pair)
            if do is _reset:
                self._pairs.discard(pair)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_TIMEOUT_S)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES_MAX):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Linger on with zero seconds makes close() send RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _reset(pair: _Pair) -> None:
    _stall(pair)
    _abort(pair.client)
    _abort(pair.server)


def _half_close(pair: _Pair) -> None:
    pair.tasks[1].cancel()
    with contextlib.suppress(OSError):
        pair.client.write_eof()


def _stall(pair: _Pair) -> None:
    for task in pair.tasks:
        task.cancel()
