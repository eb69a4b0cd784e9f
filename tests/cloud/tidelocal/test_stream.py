"""Shard records: durable before they are taken, bounded, forgotten in time."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidelocal.disk import full_disk
from tests.cloud.tidelocal.shards import NOW_MS, SHARD, STREAM_ARN, Clock, Shards, record
from tidelocal.errors import StorageFullError, StreamFullError
from tidelocal.host import Host
from tidelocal.journal import Journal
from tidelocal.stream import RECORD_BYTES, ShardRecords, Streams

HOUR_MS = 3_600_000
SIZE = RECORD_BYTES + 8


class Line:
    """A stream of one shard that can be put to, read by position, and restarted."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.folder, self.limits = folder, limits
        self.clock, self.host = Clock(), Shards()
        self.host.make_stream()
        self.restart()

    def restart(self) -> int:
        """Begin again with the journal alone, as after a kill."""
        for stream in self.host.made:
            for shard in stream["shards"].values():
                shard["records"] = []
        self.journal = Journal(self.folder, segment_bytes_max=4 * SIZE)
        self.streams = Streams(
            host=cast("Host", self.host),
            journal=self.journal,
            clock_ms=self.clock,
            **self.limits,
        )
        return self.streams.restore()

    @property
    def records(self) -> ShardRecords:
        return self.streams.shards_of(STREAM_ARN)[SHARD]

    def put(self, data: str = "ZGF0YQ==") -> str:
        number = self.streams.next_sequence_number()
        self.records.append(record(number, self.clock.now_ms, data))
        return number

    def numbers(self) -> list[str]:
        return [each["SequenceNumber"] for each in self.records]

    def forget(self, position: str | None = None) -> None:
        self.streams.forget(lambda _stream, _shard: position)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_what_was_put_is_there_after_a_kill(line: Line) -> None:
    numbers = [line.put() for _ in range(20)]
    before = list(line.records)
    assert line.restart() == 20
    assert line.numbers() == numbers
    assert list(line.records) == before


def test_who_listens_hears_of_each_record(line: Line) -> None:
    heard: list[int] = []
    line.streams.listen(lambda: heard.append(len(line.records)))
    line.put()
    line.put()
    assert heard == [1, 2]


def test_numbers_only_rise_over_restarts_and_a_clock_set_back(line: Line) -> None:
    numbers = []
    for now_ms in (NOW_MS, NOW_MS, NOW_MS - HOUR_MS, NOW_MS + 1, 0):
        line.clock.now_ms = now_ms
        numbers += [line.put(), line.put()]
        line.restart()
    assert numbers == sorted(set(numbers))


def test_numbers_rise_above_a_position_whose_records_are_all_forgotten(line: Line) -> None:
    position = line.put()
    line.restart()
    line.clock.now_ms += 25 * HOUR_MS
    line.forget(position)
    line.clock.now_ms = NOW_MS - 48 * HOUR_MS
    line.restart()
    assert line.numbers() == []
    line.streams.continue_above(position)
    assert line.put() > position


def test_a_stream_made_anew_does_not_get_the_records_of_the_old_one(line: Line) -> None:
    line.put()
    line.host.make_stream(line.streams.next_sequence_number())
    line.streams.adopt()
    fresh = line.put()
    line.restart()
    assert line.numbers() == [fresh]


def test_records_of_a_stream_made_since_are_kept_when_it_is_adopted(line: Line) -> None:
    shard = line.host.make_stream()["shards"][SHARD]
    number = line.streams.next_sequence_number()
    shard["records"].append(record(number, NOW_MS))
    line.streams.adopt()
    line.streams.adopt()
    line.restart()
    assert line.numbers() == [number]


def test_a_full_disk_refuses_the_put_and_loses_nothing(line: Line) -> None:
    taken = [line.put(), line.put()]
    with full_disk(file_bytes_max=10), pytest.raises(StorageFullError):
        line.put()
    taken.append(line.put())
    assert line.numbers() == taken
    line.restart()
    assert line.numbers() == taken


def test_a_full_stream_refuses_the_put_and_drops_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path, unconsumed_bytes_max=3 * SIZE, consumed_bytes_max=2 * SIZE)
    numbers = [line.put() for _ in range(5)]
    line.forget("")
    with pytest.raises(StreamFullError, match="its consumer is behind or failing"):
        line.put()
    assert line.numbers() == numbers
    line.forget(numbers[-1])
    assert line.numbers() == numbers[-2:]
    line.put()


def test_only_what_every_mapping_has_passed_makes_room(tmp_path: Path) -> None:
    line = Line(tmp_path, unconsumed_bytes_max=9 * SIZE, consumed_bytes_max=SIZE)
    numbers = [line.put() for _ in range(5)]
    line.forget("")
    assert line.numbers() == numbers
    line.forget(numbers[1])
    assert line.numbers() == numbers[2:]
    line.forget(None)  # nobody reads by a mapping
    assert line.numbers() == numbers[4:]


def test_records_beyond_the_retention_go_and_unread_ones_are_counted(line: Line) -> None:
    first = line.put()
    line.clock.now_ms += 1
    line.put()
    line.clock.now_ms = NOW_MS + 24 * HOUR_MS
    line.forget(first)
    assert (len(line.records), line.streams.expired_unread) == (1, 0)
    line.clock.now_ms += 1
    line.forget(first)
    assert (len(line.records), line.streams.expired_unread) == (0, 1)


def test_open_iterators_keep_their_place_when_older_records_go(tmp_path: Path) -> None:
    line = Line(tmp_path, unconsumed_bytes_max=9 * SIZE, consumed_bytes_max=SIZE)
    numbers = [line.put() for _ in range(5)]
    for position in (1, 4):
        line.host.open_iterators.append(
            {"stream_arn": STREAM_ARN, "shard_id": SHARD, "position": position}
        )
    other = {"stream_arn": "other", "shard_id": SHARD, "position": 4}
    line.host.open_iterators.append(other)
    line.forget(numbers[2])
    assert [each["position"] for each in line.host.open_iterators] == [0, 1, 4]
    assert line.numbers()[1] == numbers[4]


def test_records_are_found_behind_any_number(line: Line) -> None:
    numbers = [line.put() for _ in range(4)]
    after = [each["SequenceNumber"] for each in line.records.after(numbers[0], 2)]
    assert after == numbers[1:3]
    assert len(line.records.after("", 10)) == 4
    assert line.records.after(numbers[-1], 10) == []
    assert len(line.records.after(f"{NOW_MS:020d}", 10)) == 4  # AT_TIMESTAMP


def test_the_journal_shrinks_with_the_shard(tmp_path: Path) -> None:
    line = Line(tmp_path, unconsumed_bytes_max=99 * SIZE, consumed_bytes_max=2 * SIZE)
    for _ in range(10):
        numbers = [line.put() for _ in range(20)]
        line.forget(numbers[-1])
    assert len(list(tmp_path.iterdir())) <= 3


def test_a_deleted_streams_records_leave_the_journal(line: Line) -> None:
    for _ in range(20):
        line.put()
    line.host.made = []
    line.forget()
    assert len(list(line.folder.iterdir())) == 1  # being written


class Model:
    """The simple truth: a list, and what nobody needs any more."""

    def __init__(self) -> None:
        self.numbers: list[str] = []
        self.consumed = 0

    @property
    def position(self) -> str:
        return self.numbers[self.consumed - 1] if self.consumed else ""


@given(st.lists(st.sampled_from(["put", "put", "put", "consume", "forget", "restart"])))
def test_no_order_of_steps_loses_an_unconsumed_record_or_grows_without_end(
    steps: list[str],
) -> None:
    with TemporaryDirectory() as name:
        line = Line(Path(name), unconsumed_bytes_max=5 * SIZE, consumed_bytes_max=2 * SIZE)
        model = Model()
        actions: dict[str, Callable[[], Any]] = {
            "forget": lambda: line.forget(model.position),
            "restart": line.restart,
        }
        for step in steps:
            if step == "put":
                try:
                    model.numbers.append(line.put())
                except StreamFullError:
                    assert line.records.bytes + SIZE > 7 * SIZE
            elif step == "consume":
                model.consumed = min(model.consumed + 2, len(model.numbers))
            else:
                actions[step]()
            unconsumed = model.numbers[model.consumed :]
            have = line.numbers()
            assert have == model.numbers[len(model.numbers) - len(have) :]
            assert have[len(have) - len(unconsumed) :] == unconsumed
            assert line.records.bytes == SIZE * len(have)
