"""What of an update waits: the trial, and the stream of blocks, on the VM's asyncio."""

import asyncio
import json
from binascii import b2a_base64

from tidenode.update.errors import UpdateError
from tidenode.update.file_stream import TRIES_MAX, FileStream, block_bytes_for
from tidenode.update.trial import Trial

FILE = {"stream": "s", "version": 3, "file": 0, "bytes": 1_000}
THINGS = "$aws/things/board-1/"


class Clock:
    """Goes on by a second each time it is asked."""

    def __init__(self):
        self.ms = 0

    def now_ms(self):
        self.ms += 1_000
        return self.ms


def trial(echoes, timeout_ms=10_000):
    """Return a trial and what it decides; `echoes` say how each message fares."""
    decided = []

    async def echo(_timeout_ms):
        return echoes.pop(0) if echoes else False

    one = Trial(
        echo=echo,
        now_ms=Clock().now_ms,
        timeout_ms=timeout_ms,
        settle=lambda: decided.append("settled"),
        give_up=decided.append,
        pause_ms=1,
    )
    return one, decided


async def test_a_version_whose_message_comes_back_stays():
    one, decided = trial([False, False, True])
    await one.run()
    assert decided == ["settled"]


async def test_a_version_whose_message_never_comes_back_is_given_up():
    one, decided = trial([])
    await one.run()
    assert decided == ["no message of its own came back in 10 s"]


async def test_a_message_that_comes_back_at_the_last_moment_is_enough():
    one, decided = trial([False] * 10 + [True])
    await one.run()
    assert decided == ["settled"]


class Server:
    """Answers as `faults` say, of each question one: "", "offline", "lost", "late", "refused"."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.questions = []
        self.late = None
        self.stream = FileStream(
            things=THINGS,
            file=FILE,
            block_bytes=256,
            publish=self.publish,
            answer_timeout_ms=20,
            offline_pause_ms=1,
        )

    def publish(self, topic, payload):
        assert topic == THINGS + "streams/s/get/json"
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "offline":
            return False
        question = json.loads(payload)
        self.questions.append(question)
        if self.late:
            self.stream.heard(*self.late)
            self.late = None
        if fault == "refused":
            self.answer("rejected", {"o": "ResourceNotFound", "m": "no such stream"})
        elif fault != "lost":
            number = question["o"]
            data = bytes([number]) * min(256, 1_000 - 256 * number)
            block = {"f": 0, "i": number, "l": 256, "p": b2a_base64(data).decode().strip()}
            if fault == "late":
                self.late = THINGS + "streams/s/data/json", json.dumps(block).encode()
            else:
                self.answer("data", block)
        return True

    def answer(self, kind, document):
        payload = memoryview(json.dumps(document).encode())
        self.stream.heard(THINGS + "streams/s/%s/json" % kind, payload)


async def test_blocks_come_by_their_numbers():
    server = Server()
    assert server.stream.size_bytes == 1_000
    blocks = []
    for number in range(4):
        blocks.append(await server.stream.fetch(number))  # not on MicroPython
    assert [len(block) for block in blocks] == [256, 256, 256, 232]
    assert blocks[2] == bytes([2]) * 256
    assert server.questions[2] == {"s": 3, "f": 0, "l": 256, "o": 2, "n": 1}


async def test_a_question_is_asked_again_when_nothing_comes_and_waits_for_a_connection():
    server = Server(*["offline"] * 30 + ["lost", "lost", "offline"])
    assert await server.stream.fetch(1) == bytes([1]) * 256
    assert len(server.questions) == 3


async def test_an_answer_to_an_older_question_is_passed_over():
    server = Server("late")
    assert await server.stream.fetch(0) == bytes(256)
    server.faults, server.late = ["lost"], None
    server.stream.heard(THINGS + "streams/s/data/json", b'{"f": 0, "i": 0, "p": ""}')
    assert await server.stream.fetch(1) == bytes([1]) * 256


async def test_a_stream_that_never_answers_and_one_that_refuses_are_told():
    for faults, text in (
        (["lost"] * TRIES_MAX, "was asked for %d times" % TRIES_MAX),
        (["refused"], "ResourceNotFound no such stream"),
    ):
        try:
            await Server(*faults).stream.fetch(0)
        except UpdateError as error:
            assert text in str(error), str(error)
        else:
            raise AssertionError("came")


async def test_garbage_ends_nothing():
    server = Server()
    task = asyncio.create_task(server.stream.fetch(2))
    server.faults = ["lost"]
    await asyncio.sleep_ms(1)
    told = 0
    for bad in (b"", b"{", b"[]"):
        try:
            server.stream.heard(THINGS + "streams/s/data/json", bad)
        except (ValueError, AttributeError, KeyError):
            told += 1  # by who handed it over
    assert told == 3
    assert await task == bytes([2]) * 256


async def test_a_job_without_a_file_is_told():
    try:
        FileStream(things=THINGS, file={"stream": "s"}, block_bytes=256, publish=None)
    except UpdateError as error:
        assert "names no file" in str(error)
    else:
        raise AssertionError("was taken")


async def test_a_block_fits_into_the_buffer_with_what_is_around_it():
    assert block_bytes_for(512) == 256
    assert block_bytes_for(2_048) == 1_280
    for inbox_bytes in range(700, 16_384, 97):
        block_bytes = block_bytes_for(inbox_bytes)
        assert block_bytes % 256 == 0
        assert block_bytes * 4 // 3 + 200 < inbox_bytes
