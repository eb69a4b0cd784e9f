"""The stream manager's server: sockets on loopback or in the file system, and a session each.

Flow: client ~TCP or Unix socket~> [server] -> store -> exports
Bounded: `CONNECTIONS_MAX` clients; one that does not read its answers is not read either.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from tidegate.streams.errors import StreamsError
from tidegate.streams.polls import Polls
from tidegate.streams.session import Admit, Session
from tidegate.streams.store import Store

PORT_DEFAULT = 8088
CONNECTIONS_MAX = 128
UPKEEP_S = 0.5
LOOPBACK = "127.0.0.1"

log = logging.getLogger(__name__)


class Server:
    """Serves `store` to those whom `admit` lets in. Use it in a running loop."""

    def __init__(self, store: Store, *, admit: Admit) -> None:
        self._store, self._admit = store, admit
        self._polls = Polls(asyncio.get_running_loop())
        self._servers: list[asyncio.Server] = []
        self.connections: set[_Connection] = set()
        self.refused_connections = 0

    async def listen(self, port: int | None, socket_path: Path | None = None) -> int | None:
        """Listen on the loopback `port` (0: a free one) and on a Unix socket; return the port.

        Raises `StreamsError` where one of them is taken.
        """
        loop = asyncio.get_running_loop()
        try:
            if port is not None:
                server = await loop.create_server(self._connection, LOOPBACK, port)
                self._servers.append(server)
                port = server.sockets[0].getsockname()[1]
            if socket_path is not None:
                socket_path.unlink(missing_ok=True)
                mask = os.umask(0o077)
                try:
                    unix = await loop.create_unix_server(self._connection, str(socket_path))
                finally:
                    os.umask(mask)
                self._servers.append(unix)
        except OSError as error:
            raise StreamsError(
                f"can't listen on port {port} and socket {socket_path}: {error.strerror};"
                " end what listens there, or set another"
            ) from error
        return port

    async def run(self, until: asyncio.Event) -> None:
        """Serve until the event is set, then answer what waits and close."""
        while not until.is_set():
            self._store.maintain()
            try:
                async with asyncio.timeout(UPKEEP_S):
                    await until.wait()
            except TimeoutError:
                continue
        await self.close()

    async def close(self) -> None:
        """Answer what waits, and close all connections."""
        for server in self._servers:
            server.close()
        self._polls.close()
        for connection in tuple(self.connections):
            connection.end()
        await asyncio.sleep(0)

    @property
    def withheld_answers(self) -> int:
        """Answers that would have come after their client's deadline, and were not sent."""
        return self._polls.withheld

    def _connection(self) -> "_Connection":
        return _Connection(self)

    def session(self, send: Callable[[bytes], None]) -> Session:
        """Return a session for a new connection."""
        return Session(store=self._store, polls=self._polls, admit=self._admit, send=send)


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what loops give for streams
        if len(self._server.connections) >= CONNECTIONS_MAX:
            self._server.refused_connections += 1
            log.warning("refused a connection: %d are open", CONNECTIONS_MAX)
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._session = self._server.session(self._send)
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._session and self._transport:
            try:
                self._session.feed(data)
            except Exception:  # the outermost loop of a client: the others go on
                log.exception("a client is cut off for a bug of the server")
                self._session.ended = True
            if self._session.ended:
                self._transport.close()

    def _send(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)
            if self._session and self._session.ended:  # refused after a while
                self._transport.close()

    def pause_writing(self) -> None:
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        if self._session:
            self._session.close()

    def end(self) -> None:
        if self._transport:
            self._transport.close()
