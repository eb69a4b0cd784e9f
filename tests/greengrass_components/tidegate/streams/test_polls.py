import asyncio
import contextvars
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tidegate.segment_log import Record
from tidegate.streams.definition import definition_of
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.polls import POLLS_MAX, Polls, options_of
from tidegate.streams.status import Status
from tidegate.streams.stream import Stream


class Timers:
    """The clock and the timers of an event loop that stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self._due: list[tuple[float, asyncio.Handle]] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, at_s: float, call: Callable[..., Any], *args: Any) -> asyncio.Handle:
        handle = asyncio.Handle(call, args, cast(Any, self), contextvars.copy_context())
        self._due.append((at_s, handle))
        return handle

    def get_debug(self) -> bool:
        return False

    def go(self, to_s: float) -> None:
        self.now_s = to_s
        for at_s, handle in self._due:
            if at_s <= to_s and not handle.cancelled():
                handle._run()
        self._due = [(at_s, handle) for at_s, handle in self._due if at_s > to_s]


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    stream = Stream(definition_of({"name": "s", "strategyOnFull": 0}), None, lambda: 0)
    yield stream
    stream.log.close()
    del tmp_path


Answers = list[list[Record] | StreamRequestError]
WAIT = options_of({"readTimeoutMillis": 1_000})


def test_an_answer_comes_a_tenth_before_the_deadline(stream: Stream) -> None:
    timers, answers = Timers(), Answers()
    polls = Polls(cast(Any, timers))
    polls.read(stream, WAIT, answers.append)
    timers.go(100.89)
    assert not answers
    timers.go(100.91)
    (error,) = answers
    assert isinstance(error, StreamRequestError)
    assert error.status == Status.NOT_ENOUGH_MESSAGES
    assert (polls.count, polls.withheld, stream.watchers) == (0, 0, set())


@pytest.mark.parametrize("appended", [True, False])
def test_an_answer_that_would_come_too_late_is_not_sent(stream: Stream, appended: bool) -> None:
    timers, answers = Timers(), Answers()
    polls = Polls(cast(Any, timers))
    polls.read(stream, WAIT, answers.append)
    if appended:
        timers.now_s = 101.0
        stream.append_many([b"x"])
    timers.go(101.0)
    assert (answers, polls.withheld, polls.count) == ([], 1, 0)


def test_only_so_many_wait_and_those_who_leave_make_room(stream: Stream) -> None:
    polls, answers = Polls(cast(Any, Timers())), Answers()
    waiting = [polls.read(stream, WAIT, answers.append) for _ in range(POLLS_MAX)]
    with pytest.raises(StreamRequestError) as error:
        polls.read(stream, WAIT, answers.append)
    assert error.value.status == Status.OUT_OF_MEMORY_ERROR
    assert waiting[0]
    polls.cancel(waiting[0])
    polls.cancel(waiting[0])
    polls.read(stream, WAIT, answers.append)
    assert polls.count == POLLS_MAX
    stream.append_many([b"x"])
    assert (polls.count, len(answers)) == (0, POLLS_MAX)
