import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.segment_log import (
    HEADER_BYTES,
    Cursor,
    LogError,
    LogFullError,
    LogLockedError,
    LogSettings,
    RecordTooLargeError,
    SegmentLog,
    Sync,
    WhenFull,
)

HERE = Path(__file__).parent
SMALL = LogSettings(bytes_max=8_192, segment_bytes=1_024)
DROPPING = LogSettings(bytes_max=8_192, segment_bytes=1_024, when_full=WhenFull.DROP_OLDEST)


@pytest.fixture(params=["file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "log" if request.param == "file" else None


def payloads_from(log: SegmentLog, start: int) -> list[bytes]:
    found: list[bytes] = []
    while records := log.read(start, records_max=7):
        found += [record.payload for record in records]
        start = records[-1].sequence + 1
    return found


def test_records_come_back_in_order_with_their_sequence_and_time(folder: Path | None) -> None:
    with SegmentLog(folder, SMALL, clock_ms=lambda: 1_790_000_000_123) as log:
        assert log.append(b"first") == 0
        assert log.append_many([b"second", b"", b"fourth"]) == 1
        records = log.read(1)
    assert [record.sequence for record in records] == [1, 2, 3]
    assert [record.payload for record in records] == [b"second", b"", b"fourth"]
    assert {record.at_ms for record in records} == {1_790_000_000_123}


def test_a_read_goes_over_segments_and_keeps_its_bounds(folder: Path | None) -> None:
    with SegmentLog(folder, SMALL) as log:
        log.append_many([bytes([number]) * 200 for number in range(30)])
        assert [record.sequence for record in log.read(3, records_max=9)] == list(range(3, 12))
        assert len(log.read(0, bytes_max=1_000)) == 5
        assert len(log.read(0, bytes_max=1)) == 1, "one that is larger than the bound"
        assert log.read(30) == []
        assert payloads_from(log, 0) == [bytes([number]) * 200 for number in range(30)]


def test_a_full_log_rejects_and_is_as_it_was_before(folder: Path | None) -> None:
    with SegmentLog(folder, SMALL) as log:
        log.append_many([b"x" * 976] * 8)
        with pytest.raises(LogFullError) as full:
            log.append(b"y" * 200)
        assert (full.value.need_bytes, full.value.bytes_max) == (224, 8_192)
        assert (log.next_sequence, log.size_bytes) == (8, 8_000)
        log.release(4)
        assert (log.oldest_sequence, log.append(b"y" * 200)) == (4, 8)


def test_a_full_log_drops_whole_segments_and_counts_what_nobody_had_read(
    folder: Path | None,
) -> None:
    with SegmentLog(folder, DROPPING) as log:
        log.cursors.put("uplink", Cursor(2))
        for number in range(12):
            log.append(bytes([number]) * 976)
            assert 0 <= log.size_bytes <= 8_192
        assert (log.oldest_sequence, log.dropped_records, log.unread_records) == (4, 4, 2)
        assert log.read(0)[0].sequence == 4


def test_one_segment_as_large_as_the_log_goes_as_a_whole(folder: Path | None) -> None:
    bounds = LogSettings(bytes_max=1_024, segment_bytes=1_024, when_full=WhenFull.DROP_OLDEST)
    with SegmentLog(folder, bounds) as log:
        for number in range(30):
            assert log.append(b"z" * 300) == number
        assert log.size_bytes <= 1_024
        assert log.read(0)[-1].sequence == 29


def test_a_record_larger_than_the_log_is_refused_for_good(folder: Path | None) -> None:
    with SegmentLog(folder, DROPPING) as log:
        log.append(b"kept")
        with pytest.raises(RecordTooLargeError):
            log.append(b"x" * 8_192)
        assert log.append(b"x" * 5_000) == 1, "larger than a segment: it gets one of its own"
        assert payloads_from(log, 0) == [b"kept", b"x" * 5_000]


def test_records_older_than_the_time_to_live_go_with_their_segment(folder: Path | None) -> None:
    now_ms = [1_000_000]
    bounds = LogSettings(bytes_max=8_192, segment_bytes=1_024, ttl_ms=60_000)
    with SegmentLog(folder, bounds, clock_ms=lambda: now_ms[0]) as log:
        log.append_many([b"x" * 900] * 2)
        now_ms[0] += 50_000
        log.append(b"x" * 900)
        log.maintain()
        assert log.oldest_sequence == 0
        now_ms[0] += 20_000
        log.maintain()
        assert (log.oldest_sequence, log.expired_records) == (2, 2)
        now_ms[0] += 50_000
        log.maintain()
        assert (log.oldest_sequence, log.next_sequence, log.size_bytes) == (3, 3, 0)


def test_age_survives_a_new_start(tmp_path: Path) -> None:
    bounds = LogSettings(bytes_max=8_192, segment_bytes=1_024, ttl_ms=60_000)
    with SegmentLog(tmp_path, bounds, clock_ms=lambda: 1_000_000) as log:
        log.append_many([b"x" * 900] * 3)
        log.release(0)
    (tmp_path / f"{3:020d}.seg").touch()  # a kill between a new segment and its first record
    with SegmentLog(tmp_path, bounds, clock_ms=lambda: 1_050_000) as log:
        log.maintain()
        assert log.oldest_sequence == 0
    with SegmentLog(tmp_path, bounds, clock_ms=lambda: 1_060_001) as log:
        log.maintain()
        assert (log.oldest_sequence, log.next_sequence) == (3, 3)


def test_the_sequence_goes_on_after_everything_was_deleted(tmp_path: Path) -> None:
    with SegmentLog(tmp_path, SMALL) as log:
        log.append_many([b"x" * 900] * 3)
        log.release(3)
        assert (log.oldest_sequence, log.size_bytes) == (3, 0)
    with SegmentLog(tmp_path, SMALL) as log:
        assert log.append(b"next") == 3


def test_no_number_is_given_again_that_a_cursor_has_passed(tmp_path: Path) -> None:
    with SegmentLog(tmp_path, SMALL) as log:
        log.append_many([b"a", b"b", b"c"])
        log.cursors.put("uplink", Cursor(3))
    path = tmp_path / f"{0:020d}.seg"
    os.truncate(path, HEADER_BYTES + 1)  # what a power cut leaves of what was never synced
    with SegmentLog(tmp_path, SMALL) as log:
        assert log.append(b"new") == 3
        assert [record.payload for record in log.read(3)] == [b"new"]
        assert payloads_from(log, 0) == [b"a", b"new"]


def test_every_torn_tail_is_cut_to_the_last_whole_record(tmp_path: Path) -> None:
    path = tmp_path / f"{0:020d}.seg"
    with SegmentLog(tmp_path, SMALL) as log:
        ends = [0]
        for number in range(4):
            log.append(bytes([65 + number]) * (number * 3))
            ends.append(log.size_bytes)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        for junk in (b"", bytes(64)):
            torn = whole[:size] + junk
            path.write_bytes(torn)
            with SegmentLog(tmp_path, SMALL) as log:
                # A record that ends with zeros may be whole with those of the junk.
                kept = max(place for place, end in enumerate(ends) if torn[:end] == whole[:end])
                assert log.next_sequence == kept, (size, junk)
                assert log.torn_bytes == size - ends[kept] + len(junk)
                assert log.append(b"after") == kept
                assert log.read(kept)[0].payload == b"after"


def test_a_damaged_record_costs_itself_and_is_counted(tmp_path: Path) -> None:
    with SegmentLog(tmp_path, LogSettings(bytes_max=1 << 20, segment_bytes=65_536)) as log:
        log.append_many([bytes([number]) * 1_000 for number in range(200)])
    path = tmp_path / f"{0:020d}.seg"
    data = bytearray(path.read_bytes())
    data[10 * 1_024 + 500] ^= 1
    path.write_bytes(data)
    with SegmentLog(tmp_path, SMALL) as log:
        assert [payload[0] for payload in payloads_from(log, 0)] == [
            number for number in range(200) if number != 10
        ]
        assert log.damaged_bytes == 1_024


def test_a_damaged_record_is_not_taken_for_a_torn_tail(tmp_path: Path) -> None:
    with SegmentLog(tmp_path, LogSettings(bytes_max=1 << 20, segment_bytes=1 << 19)) as log:
        log.append_many([bytes([number]) * 40_000 for number in range(6)])
    path = tmp_path / f"{0:020d}.seg"
    data = bytearray(path.read_bytes())
    for damaged in (0, 3):
        data[damaged * 40_024 + 9_000] ^= 1
    path.write_bytes(data[:-1])
    with SegmentLog(tmp_path, LogSettings(bytes_max=1 << 20)) as log:
        assert (log.next_sequence, log.torn_bytes, log.damaged_bytes) == (5, 40_023, 80_048)
        assert log.append(b"next") == 5
        assert [payload[0] for payload in payloads_from(log, 0)] == [1, 2, 4, ord("n")]


@settings(max_examples=40)
@given(
    junk=st.binary(max_size=300),
    at=st.integers(0, 6_000),
)
def test_any_damage_gives_whole_records_or_none(
    junk: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    sent = [bytes([number]) * 150 for number in range(40)]
    with SegmentLog(folder, SMALL) as log:
        log.append_many(sent)
    paths = sorted(folder.glob("*.seg"))
    path = paths[at % len(paths)]
    data = bytearray(path.read_bytes())
    data[at % 1_000 : at % 1_000 + len(junk)] = junk
    path.write_bytes(data)
    with SegmentLog(folder, SMALL) as log:
        for record in (record for start in range(40) for record in log.read(start)):
            assert record.payload == sent[record.sequence]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.integers(0, 1_500), min_size=1, max_size=9)),
        st.tuples(st.just("release"), st.integers(0, 60)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("read"), st.integers(0, 80)),
    ),
    max_size=25,
)


@settings(max_examples=50)
@given(steps=STEPS, when_full=st.sampled_from(WhenFull))
def test_it_behaves_as_a_list_of_records_does(
    steps: list[tuple[str, list[int] | int]],
    when_full: WhenFull,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("log")
    bounds = LogSettings(bytes_max=8_192, segment_bytes=1_024, when_full=when_full)
    model: list[bytes] = []  # all that were taken; their place is their sequence
    log = SegmentLog(folder, bounds)
    for name, argument in steps:
        if name == "append":
            assert isinstance(argument, list)
            batch = [os.urandom(size) for size in argument]
            try:
                assert log.append_many(batch) == len(model)
                model += batch
            except LogFullError:
                need = sum(argument) + HEADER_BYTES * len(argument)
                assert need > 8_192 or when_full is WhenFull.REJECT
                assert log.size_bytes + need > 8_192
        elif name == "release":
            log.release(int(str(argument)))
        elif name == "open":
            log.close()
            log = SegmentLog(folder, bounds)
        else:
            records = log.read(int(str(argument)), records_max=5)
            first = max(int(str(argument)), log.oldest_sequence)
            assert [record.sequence for record in records] == list(
                range(first, min(first + 5, len(model)))
            )
        assert log.next_sequence == len(model)
        assert log.size_bytes <= 8_192
        assert payloads_from(log, 0) == model[log.oldest_sequence :]
    log.close()


@pytest.mark.parametrize(
    ("sync", "synced_after"), [(Sync.EACH, [1, 2, 3, 4]), (Sync.BATCH, [3]), (Sync.INTERVAL, [])]
)
def test_each_policy_syncs_when_it_says(
    tmp_path: Path, sync: Sync, synced_after: list[int]
) -> None:
    at_s = [0.0]
    bounds = LogSettings(bytes_max=8_192, segment_bytes=1_024, sync=sync, sync_batch_records=3)
    with SegmentLog(tmp_path, bounds, ticks_s=lambda: at_s[0]) as log:
        seen = []
        for number in range(1, 5):
            log.append(b"x")
            if log.unsynced_records == 0:
                seen.append(number)
        assert seen == synced_after
        at_s[0] += 1.0
        log.maintain()
        assert log.unsynced_records == 0


def test_two_processes_do_not_share_a_log(tmp_path: Path) -> None:
    with SegmentLog(tmp_path, SMALL), pytest.raises(LogLockedError, match="another process"):
        SegmentLog(tmp_path, SMALL)
    SegmentLog(tmp_path, SMALL).close()


def test_cursors_survive_and_a_broken_file_of_one_does_no_harm(tmp_path: Path) -> None:
    name = "Grüße / ../.." * 15
    with SegmentLog(tmp_path, SMALL) as log:
        log.cursors.put(name, Cursor(7, 7, 700, 1_790_000_000_000))
        log.cursors.put("b", Cursor(3))
        log.cursors.put("gone", Cursor(1))
        log.cursors.remove("gone")
    (tmp_path / "x.cursor").write_bytes(b"{")
    with SegmentLog(tmp_path, SMALL) as log:
        assert list(log.cursors) == [name, "b"]
        assert log.cursors.get(name) == Cursor(7, 7, 700, 1_790_000_000_000)
        assert log.cursors.least() == 3
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*[gkr]") if path.stem != "x"
    )


def test_a_disk_that_is_full_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    def bound_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    done = subprocess.run(
        [sys.executable, HERE / "fill_disk.py", tmp_path],
        preexec_fn=bound_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["5", "LogWriteError", "5", "5"], done.stderr
    with SegmentLog(tmp_path, SMALL) as log:
        assert payloads_from(log, 0) == [b"x" * 90] * 5 + [b"y"]


def test_settings_that_do_not_fit_are_told() -> None:
    with pytest.raises(LogError, match="segments of 2048 bytes in a log of 1024 bytes"):
        LogSettings(bytes_max=1_024, segment_bytes=2_048)
    with pytest.raises(LogError):
        LogSettings(bytes_max=8_192, segment_bytes=1_024, ttl_ms=0)


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    dice = random.Random(20_261_125)
    before = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, HERE / "append_for_ever.py", tmp_path], stdout=subprocess.PIPE
        )
        assert process.stdout
        for _ in range(dice.randrange(1, 2_000)):
            process.stdout.readline()
        process.kill()
        rest, _ = process.communicate()
        acknowledged = [int(line) for line in rest.split(b"\n")[:-1]]
        with SegmentLog(tmp_path, LogSettings(bytes_max=1 << 28)) as log:
            assert log.next_sequence > max(acknowledged, default=before)
            before = log.next_sequence
            expected = 0
            while records := log.read(expected):
                for record in records:
                    assert record.sequence == expected
                    assert record.payload == b"%d," % expected * 9
                    expected += 1
            assert expected == log.next_sequence
