"""The deliveries that run are those of the mappings that exist; positions outlive the process."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from tests.cloud.tidelocal.shards import NOW_MS, SHARD, Clock, Shards, mapping, record
from tidelocal.checkpoint import Checkpoint
from tidelocal.host import FunctionResult, Host
from tidelocal.journal import Journal
from tidelocal.mappings import Mappings
from tidelocal.stream import Streams

DEADLINE_S = 10.0
OK = FunctionResult(None, None)


class Line:
    """A stream of one shard with the mappings that a test makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mappings"
        self.folder.mkdir(exist_ok=True)
        self.host, self.clock = Shards(), Clock()
        self.host.function = self._function
        self.host.make_stream()
        self.streams = Streams(
            host=cast("Host", self.host), journal=Journal(folder), clock_ms=self.clock
        )
        self.streams.adopt()
        self.seen: list[tuple[int, ...]] = []
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.mappings: Mappings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Mappings]:
        """Follow the mappings within the block, as one run of the local cloud."""
        host = cast("Host", self.host)
        mappings = self.mappings = Mappings(
            host=host,
            streams=self.streams,
            checkpoint=Checkpoint(host),
            folder=self.folder,
            clock_ms=self.clock,
        )
        self.streams.listen(mappings.wake)
        task = asyncio.create_task(mappings.run())
        try:
            yield mappings
        finally:
            await mappings.end()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def put(self, *numbers: int) -> None:
        records = self.streams.shards_of(self.host.made[0]["StreamARN"])[SHARD]
        for number in numbers:
            records.append(record(f"{NOW_MS:020d}{number:010d}", NOW_MS))

    def positions(self, uuid: str = "mapping-1") -> dict[str, int]:
        kept = json.loads((self.folder / f"{uuid}.json").read_bytes())
        return {shard: int(number[20:] or 0) for shard, number in kept.items()}

    def _function(self, event: dict[str, Any]) -> FunctionResult:
        self.may_finish.wait(DEADLINE_S)
        numbers = [int(each["kinesis"]["sequenceNumber"][20:]) for each in event["Records"]]
        self.seen.append(tuple(numbers))
        return OK


async def _until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():
            await asyncio.sleep(0.005)


def _position(line: Line) -> int:
    try:
        return line.positions().get(SHARD, 0)
    except FileNotFoundError:
        return -1


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_mapping_delivers_and_keeps_its_position(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping()]
        async with line.running():
            line.put(1, 2)
            await _until(lambda: _position(line) == 2)

    asyncio.run(scene())
    assert [number for call in line.seen for number in call] == [1, 2]


def test_a_restart_goes_on_behind_the_kept_position(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping(StartingPosition="LATEST")]
        async with line.running():
            await _until(lambda: _position(line) == 0)
            line.put(1, 2)
            await _until(lambda: _position(line) == 2)
        line.put(3)
        async with line.running():
            await _until(lambda: _position(line) == 3)

    asyncio.run(scene())
    assert [number for call in line.seen for number in call] == [1, 2, 3]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"StartingPosition": "TRIM_HORIZON"}, [1, 2, 3]),
        ({"StartingPosition": "LATEST"}, [3]),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": NOW_MS / 1000},
            [1, 2, 3],
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": NOW_MS / 1000 + 1},
            [],
        ),
    ],
)
def test_a_new_mapping_begins_where_it_was_told(
    line: Line, more: dict[str, Any], expected: list[int]
) -> None:
    async def scene() -> None:
        line.put(1, 2)
        line.host.known_mappings = [mapping(**more)]
        async with line.running():
            await _until(lambda: _position(line) >= 0)
            line.put(3)
            await _until(lambda: not expected or _position(line) == 3)

    asyncio.run(scene())
    assert [number for call in line.seen for number in call] == expected


@pytest.mark.parametrize("damage", [b"", b"null", b"[1]", b"{torn"])
def test_a_damaged_position_delivers_again(line: Line, damage: bytes) -> None:
    async def scene() -> None:
        (line.folder / "mapping-1.json").write_bytes(damage)
        line.host.known_mappings = [mapping()]
        line.put(1)
        async with line.running():
            await _until(lambda: line.seen)

    asyncio.run(scene())
    assert line.seen == [(1,)]


def test_numbers_go_on_above_a_kept_position_when_the_clock_was_set_back(line: Line) -> None:
    async def scene() -> None:
        position = f"{NOW_MS:020d}{7:010d}"
        (line.folder / "mapping-1.json").write_text(json.dumps({SHARD: position}))
        line.clock.now_ms = 0
        async with line.running():
            assert line.streams.next_sequence_number() > position

    asyncio.run(scene())


def test_a_full_disk_holds_a_new_mapping_back_and_ends_nothing(line: Line) -> None:
    async def scene() -> None:
        draft = line.folder / "mapping-1.json.new"
        draft.symlink_to("/dev/full")
        line.put(1)
        line.host.known_mappings = [mapping()]
        async with line.running() as mappings:
            await _until(lambda: not draft.is_symlink())
            mappings.touch()
            await _until(lambda: _position(line) == 1)

    asyncio.run(scene())
    assert line.seen == [(1,)]


def test_a_full_disk_keeps_the_position_in_memory(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping()]
        draft = line.folder / "mapping-1.json.new"
        async with line.running():
            await _until(lambda: _position(line) == 0)
            draft.symlink_to("/dev/full")
            line.put(1)
            await _until(lambda: not draft.is_symlink())
            line.put(2)
            await _until(lambda: _position(line) == 2)

    asyncio.run(scene())
    assert line.seen == [(1,), (2,)]


def test_a_mapping_that_does_not_run_here_says_so_and_holds_nothing_up(line: Line) -> None:
    refused = mapping("refused", TumblingWindowInSeconds=5)

    async def scene() -> None:
        line.host.known_mappings = [refused, mapping()]
        async with line.running():
            line.put(1)
            await _until(lambda: _position(line) == 1)

    asyncio.run(scene())
    assert refused["LastProcessingResult"] == (
        "PROBLEM: TumblingWindowInSeconds does not run in this local cloud yet"
    )


def test_a_disabled_mapping_waits_and_goes_on_when_enabled(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping()]
        async with line.running() as mappings:
            line.put(1)
            await _until(lambda: _position(line) == 1)
            line.host.known_mappings = [mapping(Enabled=False)]
            mappings.touch()
            await _until(lambda: not mappings.running)
            line.put(2)
            line.host.known_mappings = [mapping()]
            mappings.touch()
            await _until(lambda: _position(line) == 2)

    asyncio.run(scene())
    assert line.seen == [(1,), (2,)]


def test_a_deleted_mapping_leaves_nothing_behind(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping()]
        async with line.running() as mappings:
            await _until(lambda: _position(line) == 0)
            line.host.known_mappings = []
            mappings.touch()
            await _until(lambda: not list(line.folder.iterdir()))
            assert not mappings.running

    asyncio.run(scene())


def test_a_slow_function_of_a_deleted_mapping_holds_no_other_up(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping("slow")]
        line.may_finish.clear()
        async with line.running() as mappings:
            line.put(1)
            await _until(lambda: mappings.running)
            line.host.known_mappings = [mapping("quick")]
            line.host.function = lambda _event: OK
            mappings.touch()
            await _until((line.folder / "quick.json").exists)
            await _until(lambda: line.positions("quick").get(SHARD) == 1)
            line.may_finish.set()

    asyncio.run(scene())


def test_two_mappings_each_get_every_record_and_the_slower_holds_them(line: Line) -> None:
    async def scene() -> None:
        line.host.known_mappings = [mapping("one"), mapping("two")]
        async with line.running():
            line.put(1)
            await _until(lambda: len(line.seen) == 2)

    asyncio.run(scene())
    assert line.seen == [(1,), (1,)]
