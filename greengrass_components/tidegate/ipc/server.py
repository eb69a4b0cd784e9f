"""The nucleus' side of the IPC socket: connections, streams, and what ends them.

Flow: component -> Unix socket -> [server: session] -> operations
Bounded: `clients_max` connections, `CALLS_MAX` calls under way in each, `BACKLOG_BYTES_MAX` that
a component does not read; a message above the nucleus' limit, or a full backlog, ends the
connection with a line in the log.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tidegate.ipc.errors import (
    NOT_FOUND,
    SERVICE,
    ConnectionLostError,
    FrameMalformedError,
    IpcError,
    OperationError,
)
from tidegate.ipc.limits import Limits
from tidegate.ipc.message import (
    ACCEPTED,
    TERMINATE,
    Kind,
    Message,
    answer,
    end_of_stream,
    error,
    parse,
    read_frame,
)
from tidegate.ipc.operations import Call, Operations
from tidegate.ipc.ports import NucleusPort

log = logging.getLogger(__name__)

BACKLOG_BYTES_MAX = 8 * 1024 * 1024
CALLS_MAX = 1_000  # one component's publishes that wait for the cloud
CONNECT_S_MAX = 10.0
# These wait for something outside; any other is answered before the next message is read.
_WAITING = frozenset(
    {"PublishToIoTCore", "SubscribeToIoTCore", "RestartComponent", "CreateLocalDeployment"}
)


class IpcServer:
    """Listens at `path`, for this user only, between `open` and `close`."""

    def __init__(
        self, *, path: Path, nucleus: NucleusPort, operations: Operations, limits: Limits
    ) -> None:
        self._path, self._nucleus = path, nucleus
        self._operations, self._limits = operations, limits
        self._sessions: set[_Session] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            session.hang_up()
        tasks = [session.done.wait() for session in list(self._sessions)]
        await asyncio.gather(*tasks)
        self._path.unlink(missing_ok=True)

    def hang_up(self, component: str) -> None:
        """End the connections of one component, as its process has ended."""
        for session in list(self._sessions):
            if session.component == component:
                session.hang_up()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self._limits.clients_max:
            log.warning("refused a connection: %d are the most", self._limits.clients_max)
            writer.close()
            return
        session = _Session(reader, writer, self._nucleus, self._operations, self._limits)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)


class _Session:
    """One connection of one component."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        nucleus: NucleusPort,
        operations: Operations,
        limits: Limits,
    ) -> None:
        self.component = ""
        self.done = asyncio.Event()
        self._reader, self._writer = reader, writer
        self._nucleus, self._operations, self._limits = nucleus, operations, limits
        self._ends: dict[int, Callable[[], Awaitable[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until either side hangs up."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                accepted = await self._greet()
                if not accepted:  # hung up on at once, the SDK would not read the refusal
                    await self._reader.read(1)
            while accepted:
                await self._take(await self._read())
        except ConnectionLostError:
            pass
        except TimeoutError:
            log.warning("hung up on a stranger after %.0f s", CONNECT_S_MAX)
        except IpcError as mistake:
            log.warning("hung up on %s: %s", self.component or "a stranger", mistake)
        finally:
            await self._leave()

    def hang_up(self) -> None:
        """End the connection."""
        self._writer.close()

    async def _read(self) -> Message:
        return parse(await read_frame(self._reader, self._limits.message_bytes_max))

    async def _greet(self) -> bool:
        message = await self._read()
        if message.kind is not Kind.CONNECT:
            raise FrameMalformedError(f"began with {message.kind.name}")
        token = message.document().get("authToken")
        component = self._nucleus.component_of(token) if isinstance(token, str) else None
        if component is None:
            log.warning("refused a connection: its token is no component's")
            self._send(Message(Kind.CONNECT_ACK))
            return False
        self.component = component
        self._send(Message(Kind.CONNECT_ACK, ACCEPTED))
        return True

    async def _take(self, message: Message) -> None:
        if message.kind is Kind.PING:
            self._send(Message(Kind.PING_RESPONSE, payload=message.payload))
        elif message.kind is not Kind.MESSAGE or message.stream <= 0:
            raise FrameMalformedError(f"sent {message.kind.name} on stream {message.stream}")
        elif message.ends_stream:
            await self._end(message.stream)
        elif message.operation in _WAITING:
            self._begin(message)
        else:
            await self._answer(message)

    def _begin(self, message: Message) -> None:
        if len(self._tasks) >= CALLS_MAX:
            self._fail(message.stream, OperationError(SERVICE, f"{CALLS_MAX} calls wait already"))
            return
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Message) -> None:
        stream, operation = message.stream, message.operation

        def send(model: str, document: dict[str, Any]) -> None:
            self._send(answer(model, stream, document))

        try:
            call = Call(self.component, message.document(), send)
            document = await self._operations.answer(operation, call)
        except OperationError as failure:
            self._fail(stream, failure)
            return
        except FrameMalformedError as mistake:
            self._fail(stream, OperationError(SERVICE, str(mistake)))
            return
        flags = 0 if call.end else TERMINATE
        if call.end:
            self._ends[stream] = call.end
        self._send(answer(f"{operation}Response", stream, document, flags=flags))

    def _fail(self, stream: int, failure: OperationError) -> None:
        # What nobody has set is asked for at each start of a component: no news.
        level = logging.DEBUG if failure.kind == NOT_FOUND else logging.INFO
        log.log(level, "%s: %s", self.component, failure)
        document = {self._limits.error_message_key: failure.message}
        self._send(error(failure.kind, stream, document))

    async def _end(self, stream: int) -> None:
        end = self._ends.pop(stream, None)
        if end:
            await end()
            self._send(end_of_stream(stream))

    def _send(self, message: Message) -> None:
        if self._writer.is_closing():
            return
        backlog = self._writer.transport.get_write_buffer_size()
        if backlog > BACKLOG_BYTES_MAX:
            log.warning("hung up on %s: it does not read, %d bytes wait", self.component, backlog)
            self._writer.transport.abort()
            return
        self._writer.write(message.encoded())

    async def _leave(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for end in self._ends.values():
            await end()
        self._ends.clear()
        self._writer.close()
        self.done.set()
