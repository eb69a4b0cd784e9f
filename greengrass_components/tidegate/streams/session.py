"""One client's session: frames in, frames out. Knows no socket.

Appends that come together are stored together: one write, one sync and one answer of many
frames. That is where the speed comes from.
"""

import logging
import re
import secrets
from collections.abc import Callable
from typing import Any

from tidegate.segment_log import Record
from tidegate.streams.errors import StreamFrameError, StreamRequestError
from tidegate.streams.frame import (
    CONNECT_VERSION,
    FrameReader,
    Oversize,
    body_of,
    packed,
    request_id_in,
)
from tidegate.streams.polls import Poll, Polls, options_of
from tidegate.streams.status import ANSWERS, Operation, Status
from tidegate.streams.store import Store

SERVER_VERSION = "1.0.0"
PROTOCOL_VERSIONS = ("1.1.0", "1.0.0")
# Kinesis takes 1 MiB with the partition key, which has 256 characters at most.
MESSAGE_BYTES_MAX = (1 << 20) - 1_024
SESSION_POLLS_MAX = 200
EARLY_FRAMES_MAX = 16  # of a client that does not wait for its admission
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_REQUEST_ID = re.compile(r"[\w ,.\-_]+")

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
        self._run_name: object = None
        self._run: list[tuple[str, bytes]] = []

    def feed(self, data: bytes) -> None:
        """Take what came from the client and answer what can be answered."""
        if not self._greeted and data:
            self._greeted = True
            if data[0] != CONNECT_VERSION:
                self._refuse(None, Status.UNSUPPORTED_CONNECT_VERSION, "the first byte is not 1")
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
            self._store_run()
        except StreamFrameError as error:
            log.warning("a client is cut off: %s", error)
            self._store_run()
            self.ended = True

    def close(self) -> None:
        """Forget what the client waited for."""
        for poll in self._mine:
            self._polls.cancel(poll)
        self._mine.clear()

    def _take(self, frame: tuple[int, bytes] | Oversize) -> None:
        if isinstance(frame, Oversize):
            self._store_run()
            self._refuse_oversize(frame)
            return
        operation, payload = frame
        if not self._connected:
            self._connect(operation, payload)
            return
        if operation == Operation.APPEND:
            self._append(payload)
            return
        self._store_run()
        request_id = None
        try:
            body = body_of(payload)
            request_id = _request_id(body)
            self._do(operation, request_id, body)
        except StreamFrameError as error:
            self._answer_malformed(operation, payload, str(error))
        except StreamRequestError as error:
            self._answer(operation, request_id, error)

    def _connect(self, operation: int, payload: bytes) -> None:
        if operation != Operation.CONNECT:
            self._refuse(
                request_id_in(payload), Status.UNEXPECTED_OPERATION, "the first frame is no Connect"
            )
            return
        try:
            body = body_of(payload)
        except StreamFrameError as error:
            self._refuse(request_id_in(payload), Status.INVALID_REQUEST, str(error))
            return
        request_id, asked = body.get("requestId"), body.get("protocolVersion")
        if not isinstance(asked, str) or not _VERSION.fullmatch(asked):
            self._refuse(request_id, Status.INVALID_PROTOCOL_VERSION, "protocolVersion is none")
            return
        others = body.get("otherSupportedProtocolVersions")
        versions = [asked, *(others if isinstance(others, list) else [])]
        version = next((one for one in versions if one in PROTOCOL_VERSIONS), None)
        if version is None:
            known = ", ".join(PROTOCOL_VERSIONS)
            self._refuse(
                request_id, Status.UNSUPPORTED_PROTOCOL_VERSION, f"this server speaks {known}"
            )
            return
        token = body.get("authToken")
        self._deciding = True

        def decide(is_good: bool) -> None:
            self._deciding = False
            if not is_good:
                self._refuse(request_id, Status.UNAUTHORIZED, "the token is missing or wrong")
                return
            self._connected = True
            self._greet(request_id, Status.SUCCESS, None, version)
            early, self._early = self._early, []
            for frame in early:
                self._take(frame)
            self._store_run()

        self._admit(token if isinstance(token, str) else None, decide)

    def _refuse(self, request_id: object, status: Status, message: str) -> None:
        log.warning("a client is refused status=%s: %s", status.name, message)
        self.ended = True
        self._greet(request_id, status, message, PROTOCOL_VERSIONS[0])

    def _greet(self, request_id: object, status: Status, message: str | None, version: str) -> None:
        body: dict[str, Any] = {
            "requestId": request_id if isinstance(request_id, str) else "",
            "status": int(status),
            "protocolVersion": version,
            "supportedProtocolVersions": list(PROTOCOL_VERSIONS),
            "serverVersion": SERVER_VERSION,
            "clientIdentifier": secrets.token_hex(8),
        }
        if message is not None:
            body["errorMessage"] = message
        self._send(bytes([CONNECT_VERSION]) + packed(Operation.CONNECT_ANSWER, body))

    def _append(self, payload: bytes) -> None:
        request_id = None
        try:
            body = body_of(payload)
            request_id = _request_id(body)
            name, message = body.get("name"), body.get("payload")
            if not isinstance(message, bytes) or not message:
                raise StreamRequestError(Status.INVALID_REQUEST, "payload has no bytes")
            if len(message) > MESSAGE_BYTES_MAX:
                raise StreamRequestError(
                    Status.REQUEST_PAYLOAD_TOO_LARGE,
                    f"a message of {len(message)} bytes, not up to {MESSAGE_BYTES_MAX}",
                )
        except StreamFrameError as error:
            self._answer_malformed(Operation.APPEND, payload, str(error))
        except StreamRequestError as error:
            self._answer(Operation.APPEND, request_id, error)
        else:
            if name != self._run_name:
                self._store_run()
                self._run_name = name
            self._run.append((request_id, message))

    def _store_run(self) -> None:
        """Store the appends that came together."""
        run, self._run = self._run, []
        if not run:
            return
        try:
            stream = self._store.get(self._run_name)
            first = stream.append_many([message for _, message in run])
        except StreamRequestError as error:
            if len(run) == 1 or error.status not in _PARTLY:
                for request_id, _ in run:
                    self._answer(Operation.APPEND, request_id, error)
                return
            for one in run:  # some may fit
                self._run = [one]
                self._store_run()
            return
        self._send(
            b"".join([_appended(request_id, first + n) for n, (request_id, _) in enumerate(run)])
        )

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
        self._answer(operation, request_id, None, more)

    def _read(self, request_id: str, body: dict[str, Any]) -> None:
        stream = self._store.get(body.get("streamName"))
        options = options_of(body.get("readMessagesOptions"))
        if len(self._mine) >= SESSION_POLLS_MAX:
            raise StreamRequestError(
                Status.OUT_OF_MEMORY_ERROR, f"{SESSION_POLLS_MAX} reads of this client are waiting"
            )
        poll: Poll | None = None

        def answer(result: list[Record] | StreamRequestError) -> None:
            if poll:
                self._mine.discard(poll)
            if isinstance(result, StreamRequestError):
                self._answer(Operation.READ, request_id, result)
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
            self._answer(Operation.READ, request_id, None, {"messages": messages})

        poll = self._polls.read(stream, options, answer)
        if poll:
            self._mine.add(poll)

    def _answer(
        self,
        operation: int,
        request_id: str | None,
        error: StreamRequestError | None,
        more: dict[str, Any] | None = None,
    ) -> None:
        if request_id is None:
            raise StreamFrameError("a request without a requestId")
        body: dict[str, Any] = {
            "requestId": request_id,
            "status": error.status if error else int(Status.SUCCESS),
        }
        if error:
            body["errorMessage"] = error.message
        answer = ANSWERS.get(Operation(operation)) if operation in _KNOWN else None
        if answer is None:
            body["status"] = int(Status.UNKNOWN_OPERATION)
            body["errorMessage"] = f"this server knows no operation {operation}"
            answer = Operation.UNKNOWN_OPERATION
        self._send(packed(answer, body | (more or {})))

    def _answer_malformed(self, operation: int, payload: bytes, what: str) -> None:
        error = StreamRequestError(Status.INVALID_REQUEST, what)
        self._answer(operation, request_id_in(payload), error)

    def _refuse_oversize(self, frame: Oversize) -> None:
        request_id = request_id_in(frame.payload)
        message = (
            f"a request of {frame.frame_bytes} bytes; a message has {MESSAGE_BYTES_MAX} at most"
        )
        if not self._connected:
            self._refuse(request_id, Status.REQUEST_PAYLOAD_TOO_LARGE, message)
            return
        self._answer(
            frame.operation,
            request_id,
            StreamRequestError(Status.REQUEST_PAYLOAD_TOO_LARGE, message),
        )


# Refusals of many appends, of which some by themselves may do: nothing of them was stored.
_PARTLY = (Status.OUT_OF_MEMORY_ERROR, Status.REQUEST_PAYLOAD_TOO_LARGE)
_KNOWN = frozenset(int(operation) for operation in Operation)


def _request_id(body: dict[str, Any]) -> str:
    request_id = body.get("requestId")
    if not isinstance(request_id, str) or not request_id:
        raise StreamFrameError("a request without a requestId")
    return request_id


def _appended(request_id: str, sequence: int) -> bytes:
    """Return the answer to an append, as `packed` would make it, several times faster."""
    text = request_id.encode()
    return _APPENDED.pack(text, sequence)


class _Appended:
    """A frame of `{requestId, status: 0, sequenceNumber}`."""

    @staticmethod
    def pack(text: bytes, sequence: int) -> bytes:
        size = len(text)
        if size < 24:  # noqa: PLR2004  CBOR's short lengths
            head = bytes((0x60 | size,))
        elif size < 256:  # noqa: PLR2004
            head = bytes((0x78, size))
        else:
            head = b"\x79" + size.to_bytes(2, "big")
        if sequence < 24:  # noqa: PLR2004
            number = bytes((sequence,))
        elif sequence < 65_536:  # noqa: PLR2004
            number = b"\x19" + sequence.to_bytes(2, "big")
        else:
            number = b"\x1b" + sequence.to_bytes(8, "big")
        body = b"".join((b"\xa3irequestId", head, text, b"fstatus\x00nsequenceNumber", number))
        return (len(body) + 1).to_bytes(4, "big") + b"\x09" + body


_APPENDED = _Appended
