"""What a board asks a file stream for, and what it hears of it."""

import json
from typing import Any

import pytest

from tidenode.update.errors import UpdateError
from tidenode.update.file_stream import FileStream, block_bytes_for

FILE: dict[str, Any] = {"stream": "s-1", "version": 2, "file": 0, "bytes": 1_000}


def stream(file: dict[str, Any] = FILE) -> FileStream:
    return FileStream(
        things="$aws/things/board-1/",
        file=file,
        block_bytes=512,
        publish=lambda _topic, _payload: True,
    )


def matches(levels: list[str], topic: list[str]) -> bool:
    """Return whether a filter takes a topic, both by levels."""
    pairs = zip(levels, topic, strict=True)
    return len(levels) == len(topic) and all(level in ("+", part) for level, part in pairs)


def test_answers_are_subscribed_to_and_no_question_comes_back() -> None:
    one = stream()
    levels = [topic.split("/") for topic in one.filters()]
    question = (one.base + "get/json").split("/")
    for answer in ("data", "rejected"):
        assert any(matches(each, (f"{one.base}{answer}/json").split("/")) for each in levels)
    assert not [each for each in levels if matches(each, question)]


def test_subscriptions_do_not_grow_with_the_streams_and_another_ones_blocks_are_let_go() -> None:
    one, other = stream(), stream(FILE | {"stream": "s-2"})
    assert one.filters() == other.filters()
    one._wanted = 0
    block = json.dumps({"i": 0, "f": 0, "p": "AAAA"}).encode()
    one.heard(other.base + "data/json", memoryview(block))
    assert not one._answered.is_set()
    one.heard(one.base + "data/json", memoryview(block))
    assert one._answered.is_set()


@pytest.mark.parametrize("key", ["stream", "version", "file", "bytes"])
def test_a_job_that_names_no_file_is_an_error(key: str) -> None:
    with pytest.raises(UpdateError, match="names no file"):
        stream({name: value for name, value in FILE.items() if name != key})


def test_what_nobody_asked_for_is_let_go() -> None:
    one = stream()
    one.heard(one.base + "data/json", memoryview(json.dumps({"i": 0, "f": 0}).encode()))
    one.heard(one.base + "data/json", None)
    assert not one._answered.is_set()


def test_a_blocks_message_fits_into_the_inbox() -> None:
    for inbox_bytes in (1_024, 2_048, 16_384):
        block_bytes = block_bytes_for(inbox_bytes)
        assert block_bytes % 256 == 0
        assert block_bytes * 4 // 3 + 200 < inbox_bytes
    assert block_bytes_for(512) == 256
