"""Reads that wait for messages, and are answered before their client gives up.

Bounded: `POLLS_MAX` wait at once; one more is refused. A client whose answer came too late
could break on it (AWS's SDK for Python never reads again), so a late one is not sent at all.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tidegate.segment_log import Record
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.field import Mistakes, Number, read_field
from tidegate.streams.status import Status
from tidegate.streams.stream import Stream

POLLS_MAX = 1_000
RESPONSE_BYTES_MAX = 4 << 20  # of payloads in one answer; the rest is read by asking again
MARGIN_MS_MAX = 1_000  # before the client's own deadline; a tenth of it where that is less
_COUNT_MAX = (1 << 31) - 1
_OPTIONS = {
    "desiredStartSequenceNumber": Number(0, (1 << 63) - 1, default=0),
    "minMessageCount": Number(1, _COUNT_MAX, default=1),
    "maxMessageCount": Number(1, _COUNT_MAX),
    "readTimeoutMillis": Number(0, 9_223_372_036_854, default=0),
}

Answer = Callable[[list[Record] | StreamRequestError], None]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a client wants to read, and how long it waits for it."""

    start: int
    count_min: int
    count_max: int
    timeout_ms: int


@dataclass(eq=False, slots=True)
class Poll:
    """One waiting read."""

    options: ReadOptions
    stream: Stream
    answer: Answer
    withhold_at_s: float
    timer: asyncio.TimerHandle | None = field(default=None)


def options_of(wire: object) -> ReadOptions:
    """Read `readMessagesOptions`; raises `StreamRequestError`."""
    facts: dict[str, Any] = wire if isinstance(wire, dict) else {}
    mistakes: Mistakes = []
    value = {key: read_field(facts, key, each, mistakes) for key, each in _OPTIONS.items()}
    count_min, count_max = value["minMessageCount"], value["maxMessageCount"]
    if count_max is not None and count_min > count_max:
        mistakes.append(f"minMessageCount {count_min} is above maxMessageCount {count_max}")
    if mistakes:
        raise StreamRequestError(Status.INVALID_REQUEST, "; ".join(mistakes))
    return ReadOptions(
        start=value["desiredStartSequenceNumber"],
        count_min=count_min,
        count_max=count_max or count_min,
        timeout_ms=value["readTimeoutMillis"],
    )


class Polls:
    """All waiting reads of the server; `withheld` answers would have come too late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Stream, set[Poll]] = {}
        self._watchers: dict[Stream, Callable[[], None]] = {}
        self.count = self.withheld = 0

    def read(self, stream: Stream, options: ReadOptions, answer: Answer) -> Poll | None:
        """Answer at once, or return the poll that will. Raises `StreamRequestError`."""
        if stream.available(options.start) >= options.count_min:
            answer(_records(stream, options))
            return None
        if options.timeout_ms == 0:
            raise _not_enough(stream, options)
        if self.count >= POLLS_MAX:
            raise StreamRequestError(
                Status.OUT_OF_MEMORY_ERROR, f"{POLLS_MAX} reads are waiting already"
            )
        now_s = self._loop.time()
        timeout_s = min(options.timeout_ms, 10**10) / 1_000
        margin_s = min(timeout_s / 10, MARGIN_MS_MAX / 1_000)
        poll = Poll(options, stream, answer, now_s + timeout_s)
        poll.timer = self._loop.call_at(now_s + timeout_s - margin_s, self._expire, poll)
        if stream not in self._waiting:
            self._watchers[stream] = partial(self._appended, stream)
            stream.watchers.add(self._watchers[stream])
        self._waiting.setdefault(stream, set()).add(poll)
        self.count += 1
        return poll

    def _appended(self, stream: Stream) -> None:
        for poll in tuple(self._waiting.get(stream, ())):
            if stream.available(poll.options.start) >= poll.options.count_min:
                self._finish(poll)

    def deleted(self, stream: Stream) -> None:
        """Answer those that waited for a stream that is no more."""
        error = StreamRequestError(Status.RESOURCE_NOT_FOUND, "the stream was deleted meanwhile")
        for poll in tuple(self._waiting.get(stream, ())):
            self.cancel(poll)
            poll.answer(error)

    def cancel(self, poll: Poll) -> None:
        """Forget a poll: its client is gone."""
        waiting = self._waiting.get(poll.stream, set())
        if poll in waiting:
            waiting.remove(poll)
            self.count -= 1
            if not waiting:
                del self._waiting[poll.stream]
                poll.stream.watchers.discard(self._watchers.pop(poll.stream))
        if poll.timer:
            poll.timer.cancel()

    def close(self) -> None:
        """Answer all: the server ends."""
        for polls in tuple(self._waiting.values()):
            for poll in tuple(polls):
                self._expire(poll)

    def _finish(self, poll: Poll) -> None:
        self.cancel(poll)
        if self._loop.time() >= poll.withhold_at_s:
            self.withheld += 1
            return
        try:
            poll.answer(_records(poll.stream, poll.options))
        except StreamRequestError as error:
            poll.answer(error)

    def _expire(self, poll: Poll) -> None:
        self.cancel(poll)
        if self._loop.time() >= poll.withhold_at_s:
            self.withheld += 1
            return
        poll.answer(_not_enough(poll.stream, poll.options))


def _records(stream: Stream, options: ReadOptions) -> list[Record]:
    records = stream.read(options.start, options.count_max, RESPONSE_BYTES_MAX)
    while len(records) < options.count_min:
        size = sum(len(record.payload) for record in records)
        more = stream.read(
            records[-1].sequence + 1 if records else options.start,
            options.count_min - len(records),
            RESPONSE_BYTES_MAX - size,
        )
        if records and size + sum(len(r.payload) for r in more) > RESPONSE_BYTES_MAX:
            raise StreamRequestError(
                Status.RESPONSE_PAYLOAD_TOO_LARGE,
                f"{options.count_min} messages are more than {RESPONSE_BYTES_MAX} bytes:"
                " lower minMessageCount",
            )
        if not more:
            raise _not_enough(stream, options)  # some can't be read any more
        records += more
    return records


def _not_enough(stream: Stream, options: ReadOptions) -> StreamRequestError:
    return StreamRequestError(
        Status.NOT_ENOUGH_MESSAGES,
        f"{stream.available(options.start)} messages from {options.start} on,"
        f" not {options.count_min}",
    )
