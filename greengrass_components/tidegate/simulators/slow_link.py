"""A link with a round trip: forwards TCP to a simulator and holds each chunk for half of it.

Flow: client -> [slow link] -> server
Bounded: `HELD_BYTES_MAX` in flight per direction and connection; then reading waits. `cut` breaks
every connection, `pause` lets bytes wait, `refuse` turns new connections away: what a switch, a
long cable and a rebooting device do.
"""

import asyncio
import contextlib
from collections import deque
from typing import Self

CHUNK_BYTES_MAX = 65_536
HELD_BYTES_MAX = 1 << 20


class SlowLink:
    """Listens on `port` (0 takes a free one) of loopback and forwards to `target_port`."""

    def __init__(self, target_port: int, *, round_trip_ms: float = 0.0, port: int = 0) -> None:
        self.port = port
        self.connections = 0
        self._target_port = target_port
        self._delay_s = round_trip_ms / 2000
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self.cut()
        self.resume()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def pause(self) -> None:
        """Let bytes wait, in both directions, until `resume`."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let bytes pass again."""
        self._flowing.set()

    def refuse(self, refusing: bool = True) -> None:
        """Close new connections at once, as a device does that starts."""
        self._refusing = refusing

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Copy until the end; chunks leave in order, each `delay_s` after it came."""
        held: deque[tuple[float, bytes]] = deque()
        came, room = asyncio.Event(), asyncio.Event()
        held_bytes = 0
        ended = False
        loop = asyncio.get_running_loop()

        async def take() -> None:
            nonlocal held_bytes, ended
            with contextlib.suppress(OSError):
                while chunk := await source.read(CHUNK_BYTES_MAX):
                    held.append((loop.time() + self._delay_s, chunk))
                    held_bytes += len(chunk)
                    came.set()
                    while held_bytes > HELD_BYTES_MAX:
                        room.clear()
                        await room.wait()
            ended = True
            came.set()

        taking = asyncio.create_task(take())
        try:
            with contextlib.suppress(OSError):
                while held or not ended:
                    if not held:
                        came.clear()
                        await came.wait()
                        continue
                    due, chunk = held.popleft()
                    await asyncio.sleep(max(0.0, due - loop.time()))
                    await self._flowing.wait()
                    sink.write(chunk)
                    await sink.drain()
                    held_bytes -= len(chunk)
                    room.set()
        finally:
            taking.cancel()
            self._writers.discard(sink)
            sink.close()
