"""One client's session: frames in, frames out. Knows no socket."""

import logging
from collections.abc import Callable
from typing import Any

from tidegate.segment_log import Record
from tidegate.streams.answers import answer, request_id_of
from tidegate.streams.append_run import MESSAGE_BYTES_MAX, AppendRun
from tidegate.streams.errors import StreamFrameError, StreamRequestError
from tidegate.streams.frame import (
    CONNECT_VERSION,
    FrameReader,
    Oversize,
    body_of,
    request_id_in,
)
from tidegate.streams.handshake import PROTOCOL_VERSIONS, HelloRefusedError, greeting, hello_of
from tidegate.streams.polls import Poll, Polls, options_of
from tidegate.streams.status import Operation, Status
from tidegate.streams.store import Store

SESSION_POLLS_MAX = 200
EARLY_FRAMES_MAX = 16  # of a client that does not wait for its admission

# Decides on a token (or None) by calling back with whether it is good.
Admit = Callable[[str | None, Callable[[bool], None]], None]

log = logging.getLogger(__name__)


class Session:
    """Serves one client: give it what came with `feed`; it answers through `send`.

    `admit` decides on a token, then or later. Once `ended` is true the connection is to be
    closed.
    """

    def __init__(
        self,
        *,
        store: Store,
        polls: Polls,
        admit: Admit,
        send: Callable[[bytes], None],
    ) -> None:
        self._store, self._polls, self._admit, self._send = store, polls, admit, send
        self._reader = FrameReader()
        self._greeted = self._connected = self._deciding = self.ended = False
        self._early: list[tuple[int, bytes] | Oversize] = []
        self._mine: set[Poll] = set()
        self._appends = AppendRun(store, send)

    def feed(self, data: bytes) -> None:
        """Take what came from the client and answer what can be answered."""
        if not self._greeted and data:
            self._greeted = True
            if data[0] != CONNECT_VERSION:
                self._refuse(
                    HelloRefusedError(
                        None, Status.UNSUPPORTED_CONNECT_VERSION, "the first byte is not 1"
                    )
                )
                return
            data = data[1:]
        try:
            for frame in self._reader.feed(data):
                if self._deciding:
                    self._early.append(frame)
                    self.ended = len(self._early) > EARLY_FRAMES_MAX
                else:
                    self._take(frame)
                if self.ended:
                    return
            self._appends.store()
        except StreamFrameError as error:
            self._cut_off(error)

    def close(self) -> None:
        """Forget what the client waited for."""
        for poll in self._mine:
            self._polls.cancel(poll)
        self._mine.clear()

    def _take(self, frame: tuple[int, bytes] | Oversize) -> None:
        if isinstance(frame, Oversize):
            self._appends.store()
            self._refuse_oversize(frame)
            return
        operation, payload = frame
        if not self._connected:
            try:
                self._connect(operation, payload)
            except HelloRefusedError as error:
                self._refuse(error)
            return
        if operation == Operation.APPEND:
            self._appends.add(payload)
            return
        self._appends.store()
        request_id = None
        try:
            body = body_of(payload)
            request_id = request_id_of(body)
            self._do(operation, request_id, body)
        except StreamFrameError as error:
            refusal = StreamRequestError(Status.INVALID_REQUEST, str(error))
            self._send(answer(operation, request_id_in(payload), refusal))
        except StreamRequestError as error:
            self._send(answer(operation, request_id, error))

    def _connect(self, operation: int, payload: bytes) -> None:
        hello = hello_of(operation, payload)
        self._deciding = True

        def decide(is_good: bool) -> None:
            self._deciding = False
            if not is_good:
                wrong = "the token is missing or wrong"
                self._refuse(HelloRefusedError(hello.request_id, Status.UNAUTHORIZED, wrong))
                return
            self._connected = True
            self._send(greeting(hello.request_id, None, hello.version))
            early, self._early = self._early, []
            try:
                for frame in early:
                    self._take(frame)
                self._appends.store()
            except StreamFrameError as error:
                self._cut_off(error)

        self._admit(hello.token, decide)

    def _refuse(self, error: HelloRefusedError) -> None:
        log.warning("a client is refused: %s", error)
        self.ended = True
        self._send(greeting(error.request_id, error, PROTOCOL_VERSIONS[0]))

    def _cut_off(self, error: StreamFrameError) -> None:
        log.warning("a client is cut off: %s", error)
        self._appends.store()
        self.ended = True

    def _do(self, operation: int, request_id: str, body: dict[str, Any]) -> None:
        store = self._store
        more: dict[str, Any] = {}
        match operation:
            case Operation.CREATE:
                store.create(body.get("definition"))
            case Operation.UPDATE:
                store.update(body.get("definition"))
            case Operation.DELETE:
                stream = store.get(body.get("name"))
                store.delete(stream.definition.name)
                self._polls.deleted(stream)
            case Operation.LIST:
                more["streams"] = store.names()
            case Operation.DESCRIBE:
                more["messageStreamInfo"] = store.get(body.get("name")).info()
            case Operation.READ:
                self._read(request_id, body)
                return
            case Operation.CONNECT:
                raise StreamRequestError(Status.UNEXPECTED_OPERATION, "connected already")
        self._send(answer(operation, request_id, None, more))

    def _read(self, request_id: str, body: dict[str, Any]) -> None:
        stream = self._store.get(body.get("streamName"))
        options = options_of(body.get("readMessagesOptions"))
        if len(self._mine) >= SESSION_POLLS_MAX:
            raise StreamRequestError(
                Status.OUT_OF_MEMORY_ERROR, f"{SESSION_POLLS_MAX} reads of this client are waiting"
            )
        poll: Poll | None = None

        def give(result: list[Record] | StreamRequestError) -> None:
            if poll:
                self._mine.discard(poll)
            if isinstance(result, StreamRequestError):
                self._send(answer(Operation.READ, request_id, result))
                return
            name = stream.definition.name
            messages = [
                {
                    "streamName": name,
                    "sequenceNumber": record.sequence,
                    "ingestTime": record.at_ms,
                    "payload": record.payload,
                }
                for record in result
            ]
            self._send(answer(Operation.READ, request_id, None, {"messages": messages}))

        poll = self._polls.read(stream, options, give)
        if poll:
            self._mine.add(poll)

    def _refuse_oversize(self, frame: Oversize) -> None:
        request_id = request_id_in(frame.payload)
        message = (
            f"a request of {frame.frame_bytes} bytes; a message has {MESSAGE_BYTES_MAX} at most"
        )
        if not self._connected:
            self._refuse(HelloRefusedError(request_id, Status.REQUEST_PAYLOAD_TOO_LARGE, message))
            return
        error = StreamRequestError(Status.REQUEST_PAYLOAD_TOO_LARGE, message)
        self._send(answer(frame.operation, request_id, error))
