"""The journal: what was appended is replayed, whatever ended the process."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidelocal.disk import full_disk
from tidelocal.errors import StorageFullError
from tidelocal.journal import Entry, Journal

TEXT = st.text(max_size=6)
ENTRIES = st.lists(
    st.builds(
        Entry,
        stream=TEXT,
        shard=st.sampled_from(["s0", "s1"]),
        sequence_number=st.integers(0, 10**30).map("{:030d}".format),
        arrival_ms=st.integers(0, 2**53),
        partition_key=TEXT,
        data=TEXT,
    ),
    max_size=8,
)


def _entry(number: int, data: str = "ZGF0YQ==", shard: str = "s0") -> Entry:
    return Entry("arn:stream", shard, f"{number:030d}", 1_790_000_000_000, "key", data)


def _kept(folder: Path) -> list[Entry]:
    journal = Journal(folder)
    try:
        return list(journal.replay())
    finally:
        journal.close()


def _append(folder: Path, entries: Iterable[Entry], **options: int) -> None:
    journal = Journal(folder, **options)
    list(journal.replay())
    for entry in entries:
        journal.append(entry)
    journal.close()


@given(ENTRIES, ENTRIES, st.sampled_from([1, 300, 10_000]))
def test_what_was_appended_is_replayed_in_order_over_restarts(
    first: list[Entry], second: list[Entry], segment_bytes_max: int
) -> None:
    with TemporaryDirectory() as name:
        for entries in (first, second):
            _append(Path(name), entries, segment_bytes_max=segment_bytes_max)
        assert _kept(Path(name)) == first + second


@given(ENTRIES, st.data())
def test_every_torn_or_damaged_tail_leaves_the_records_before_it(
    entries: list[Entry], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        _append(folder, entries)
        segment = next(folder.iterdir(), None)
        if segment is None:
            return
        whole = segment.read_bytes()
        cut = data.draw(st.integers(0, len(whole)), label="cut")
        tail = data.draw(st.binary(max_size=20), label="tail")
        segment.write_bytes(whole[:cut] + tail)
        kept = _kept(folder)
        assert kept == entries[: len(kept)]
        frames = [i for i in range(len(entries) + 1) if _frames_bytes(entries[:i]) <= cut]
        assert len(kept) >= frames[-1]


def _frames_bytes(entries: list[Entry]) -> int:
    with TemporaryDirectory() as name:
        _append(Path(name), entries)
        return sum(path.stat().st_size for path in Path(name).iterdir())


def test_after_a_torn_tail_appending_goes_on(tmp_path: Path) -> None:
    _append(tmp_path, [_entry(1), _entry(2)])
    (segment,) = tmp_path.iterdir()
    segment.write_bytes(segment.read_bytes()[:-1])
    _append(tmp_path, [_entry(3)])
    assert _kept(tmp_path) == [_entry(1), _entry(3)]


APPENDER = """
import sys
from pathlib import Path
from tidelocal.journal import Entry, Journal
journal = Journal(Path(sys.argv[1]), segment_bytes_max=20_000)
for number in range(10**9):
    journal.append(Entry("a", "s", f"{number:030d}", number, "key", "x" * (number % 977)))
    print(number, flush=True)  # the acknowledgement
"""


def test_every_acknowledged_record_survives_sigkill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        heard = [int(process.stdout.readline()) for _ in range(2_000)]
        process.kill()
        heard += [int(line) for line in process.stdout.read().splitlines() if line]
    numbers = [int(entry.sequence_number) for entry in _kept(tmp_path)]
    assert numbers == list(range(len(numbers)))
    assert len(heard) <= len(numbers) <= len(heard) + 1


def test_a_segment_is_deleted_once_all_its_records_are_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes_max=1)  # a record a segment
    for number in range(1, 6):
        journal.append(_entry(number, shard=f"s{number % 2}"))
    gone = {"s0": 3, "s1": 1}
    assert journal.forget(lambda _stream, shard, number: int(number) <= gone[shard]) == 2
    journal.close()
    assert [int(entry.sequence_number) for entry in _kept(tmp_path)] == [3, 4, 5]


def test_the_segment_being_written_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(_entry(1))
    assert journal.forget(lambda *_: True) == 0
    journal.append(_entry(2))
    journal.close()
    assert _kept(tmp_path) == [_entry(1), _entry(2)]


def test_a_kept_segment_is_deleted_after_a_restart(tmp_path: Path) -> None:
    _append(tmp_path, [_entry(1)])
    journal = Journal(tmp_path)
    list(journal.replay())
    assert journal.forget(lambda *_: True) == 1
    journal.append(_entry(2))
    journal.close()
    assert _kept(tmp_path) == [_entry(2)]


@pytest.mark.parametrize("room", [0, 1, 100, 170, 171, 400])
def test_a_full_disk_refuses_a_record_and_keeps_what_was_taken(tmp_path: Path, room: int) -> None:
    journal, taken = Journal(tmp_path), []
    with full_disk(file_bytes_max=room):
        for number in range(1, 10):
            try:
                journal.append(_entry(number))
                taken.append(number)
            except StorageFullError as error:
                assert "free some space, senders will try again" in str(error)  # noqa: PT017  some fit
    assert len(taken) < 9
    journal.append(_entry(10))
    journal.close()
    assert [int(entry.sequence_number) for entry in _kept(tmp_path)] == [*taken, 10]


def test_a_torn_frame_that_can_not_be_cut_off_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "000000000001.log").symlink_to("/dev/full")  # takes nothing, can't be cut
    journal = Journal(tmp_path)
    with pytest.raises(StorageFullError):
        journal.append(_entry(1))
    journal.append(_entry(2))
    journal.close()
    (tmp_path / "000000000001.log").unlink()
    assert _kept(tmp_path) == [_entry(2)]
