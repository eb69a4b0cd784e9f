import asyncio
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.kinesis.backoff import Backoff
from tidegate.segment_log import Record
from tidegate.streams.definition import definition_of
from tidegate.streams.exports.bandwidth import Bandwidth
from tidegate.streams.exports.gate import Gate
from tidegate.streams.exports.sender import Sender, Sent
from tidegate.streams.exports.worker import Worker
from tidegate.streams.stream import Stream


class Scripted:
    """A sender that does with each batch what it is told to, then takes all."""

    def __init__(self, *script: Sent | Exception) -> None:
        self._script = list(script)
        self.batches: list[list[int]] = []
        self.closed = False

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        assert stream == "s"
        self.batches.append([record.sequence for record in records])
        act = self._script.pop(0) if self._script else Sent(len(records))
        if isinstance(act, Exception):
            raise act
        return act

    def close(self) -> None:
        self.closed = True


class Hung:
    """A sender whose batch hangs until it is closed, two messages of it sent."""

    def __init__(self) -> None:
        self.begun, self._shut = threading.Event(), threading.Event()

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        assert len(records) > 2, stream
        self.begun.set()
        assert self._shut.wait(10)
        return Sent(2, "the connection was shut")

    def close(self) -> None:
        self._shut.set()


def worker_of(stream: Stream, sender: Sender, threads: ThreadPoolExecutor) -> Worker:
    return Worker(
        stream=stream,
        export=stream.definition.exports[0],
        sender=sender,
        gate=Gate(),
        bandwidth=Bandwidth(None),
        threads=threads,
        backoff=Backoff(random.Random(3), min_s=0.001, max_s=0.002),
        report=lambda _export, _report: None,
        clock_ms=lambda: 1_000,
        ending_s_max=0.01,
    )


@in_loop
async def test_an_export_goes_on_from_where_it_is_whatever_its_sender_does() -> None:
    http = {"identifier": "h", "uri": "http://h/", "batchSize": 4}
    wire = {
        "name": "s",
        "strategyOnFull": 0,
        "persistence": 1,
        "exportDefinition": {"http": [http]},
    }
    definition = definition_of(wire)
    stream = Stream(definition, None, lambda: 1_000)
    sender = Scripted(Sent(0, "busy"), Sent(3, "one failed"), RuntimeError("a bug"), Sent(2))
    with ThreadPoolExecutor(1) as threads:
        running = asyncio.create_task(worker_of(stream, sender, threads).run())
        stream.append_many([b"x"] * 7)
        async with asyncio.timeout(10):
            while stream.info()["exportStatuses"][0]["exportedMessagesCount"] < 7:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert sender.batches == [
        [0, 1, 2, 3], [0, 1, 2, 3], [3, 4, 5, 6], [3, 4, 5, 6], [5, 6],
    ]  # fmt: skip
    assert sender.closed
    (status,) = stream.info()["exportStatuses"]
    assert (status["lastExportedSequenceNumber"], status["lastExportTime"]) == (6, 1_000)
    assert "errorMessage" not in status
    assert not stream.watchers


@in_loop
async def test_a_batch_that_hangs_is_shut_at_the_end_and_its_sent_part_not_sent_again() -> None:
    http = {"identifier": "h", "uri": "http://h/"}
    wire = {
        "name": "s",
        "strategyOnFull": 0,
        "persistence": 1,
        "exportDefinition": {"http": [http]},
    }
    stream = Stream(definition_of(wire), None, lambda: 1_000)
    stream.append_many([b"x"] * 7)
    hung, after = Hung(), Scripted()
    with ThreadPoolExecutor(1) as threads:
        running = asyncio.create_task(worker_of(stream, hung, threads).run())
        await asyncio.to_thread(hung.begun.wait, 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        running = asyncio.create_task(worker_of(stream, after, threads).run())
        async with asyncio.timeout(10):
            while not after.batches:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert after.batches == [[2, 3, 4, 5, 6]]


@in_loop
async def test_an_export_outlives_a_disk_that_can_not_be_read_for_a_while(tmp_path: Path) -> None:
    http = {"identifier": "h", "uri": "http://h/", "batchIntervalMillis": 200}
    wire = {
        "name": "s", "strategyOnFull": 0, "maxSize": 65_536, "streamSegmentSize": 1_024,
        "exportDefinition": {"http": [http]},
    }  # fmt: skip
    definition = definition_of(wire)
    stream = Stream(definition, tmp_path, lambda: 1_000)
    stream.append_many([b"x" * 400] * 7)
    first = min(tmp_path.glob("*.seg"))
    first.rename(tmp_path / "away")
    sender = Scripted()
    with ThreadPoolExecutor(1) as threads:
        running = asyncio.create_task(worker_of(stream, sender, threads).run())
        async with asyncio.timeout(10):
            while "errorMessage" not in stream.info()["exportStatuses"][0]:
                await asyncio.sleep(0)
            (tmp_path / "away").rename(first)
            while stream.info()["exportStatuses"][0]["exportedMessagesCount"] < 7:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [number for batch in sender.batches for number in batch] == list(range(7))
    stream.log.close()
