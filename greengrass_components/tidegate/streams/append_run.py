"""Appends of one client that came together, and are stored together.

One write, one sync and one answer of many frames: that is where the server's speed comes from.
"""

from collections.abc import Callable

from tidegate.streams.answers import answer, request_id_of
from tidegate.streams.append_frames import append_answers
from tidegate.streams.errors import StreamFrameError, StreamRequestError
from tidegate.streams.frame import body_of, request_id_in
from tidegate.streams.status import Operation, Status
from tidegate.streams.store import Store

# Kinesis takes 1 MiB with the partition key, which has 256 characters at most.
MESSAGE_BYTES_MAX = (1 << 20) - 1_024
# Refusals of many appends, of which some by themselves may do: nothing of them was stored.
_PARTLY = (Status.OUT_OF_MEMORY_ERROR, Status.REQUEST_PAYLOAD_TOO_LARGE)


class AppendRun:
    """Gathers appends to one stream until `store`; answers through `send`."""

    def __init__(self, store: Store, send: Callable[[bytes], None]) -> None:
        self._store, self._send = store, send
        self._name: object = None
        self._run: list[tuple[str, bytes]] = []

    def add(self, payload: bytes) -> None:
        """Take the map of an append; one to another stream stores the run before it.

        Raises `StreamFrameError` where it can't be answered.
        """
        request_id = None
        try:
            body = body_of(payload)
            request_id = request_id_of(body)
            name, message = body.get("name"), _message_in(body.get("payload"))
        except StreamFrameError as error:
            refusal = StreamRequestError(Status.INVALID_REQUEST, str(error))
            self._send(answer(Operation.APPEND, request_id_in(payload), refusal))
        except StreamRequestError as error:
            self._send(answer(Operation.APPEND, request_id, error))
        else:
            if name != self._name:
                self.store()
                self._name = name
            self._run.append((request_id, message))

    def store(self) -> None:
        """Store what was gathered, and answer it."""
        run, self._run = self._run, []
        if not run:
            return
        try:
            stream = self._store.get(self._name)
            first = stream.append_many([message for _, message in run])
        except StreamRequestError as error:
            if len(run) == 1 or error.status not in _PARTLY:
                for request_id, _ in run:
                    self._send(answer(Operation.APPEND, request_id, error))
                return
            for one in run:
                self._run = [one]
                self.store()
            return
        self._send(append_answers((request_id for request_id, _ in run), first))


def _message_in(value: object) -> bytes:
    if not isinstance(value, bytes) or not value:
        raise StreamRequestError(Status.INVALID_REQUEST, "payload has no bytes")
    if len(value) > MESSAGE_BYTES_MAX:
        raise StreamRequestError(
            Status.REQUEST_PAYLOAD_TOO_LARGE,
            f"a message of {len(value)} bytes, not up to {MESSAGE_BYTES_MAX}",
        )
    return value
