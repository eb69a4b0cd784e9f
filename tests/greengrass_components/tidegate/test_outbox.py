"""The outbox against a plain list, over kills, restarts and full disks."""

import asyncio
import contextlib
import json
import random
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.batch_log import OutboxFullError, WhenOutboxFull
from tidegate.batching import BatchSettings
from tidegate.errors import GateError
from tidegate.outbox import Outbox, OutboxSettings
from tidegate.outbox_upkeep import UPKEEP_S, keep_up, note_settings
from tidegate.segment_log import LogLockedError, LogWriteError, Sync
from tidegate.stream import Stream
from tidewire import decode, real_values

START_MS = 1_790_000_000_000
KIBIBYTE = 1024
FIELDS = ("flow_m3_h", "level_m", "running")
EACH = OutboxSettings(sync=Sync.EACH, batch=BatchSettings(samples_max=7, age_ms_max=5_000))


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def stream(thing: str = "gw-1", measurement: str = "tank") -> Stream:
    return Stream("harbour", thing, measurement, FIELDS)


def fill(box: Outbox, clock: Clock, count: int, *, first: int = 0) -> list[tuple[Any, ...]]:
    """Append `count` samples a second apart to two streams of one thing and one of another."""
    dice = random.Random(first)
    added = []
    for number in range(first, first + count):
        clock.now_ms += 1_000
        where = (stream(), stream(measurement="pump"), stream("gw-1:press"))[dice.randrange(3)]
        row = (dice.randrange(1000) / 10, None if dice.random() < 0.1 else number, True)
        box.append(where, clock.now_ms, row)
        box.maintain()
        added.append((where.thing, where.measurement, clock.now_ms, row))
    return added


def content(box: Outbox) -> tuple[list[tuple[Any, ...]], dict[str, list[tuple[int, int]]]]:
    """Return all samples in batches, and (boot, sequence) of each batch by thing."""
    found, numbers = [], defaultdict(list)
    at = box.batches.log.oldest_sequence
    while entries := box.batches.peek(at):
        for entry in entries:
            batch = decode(entry.payload)
            assert (batch.thing, batch.sequence) == (entry.thing, entry.sequence)
            assert len(batch.times_ms) == entry.samples
            numbers[batch.thing].append((batch.boot, batch.sequence))
            columns = {column.name: real_values(column) for column in batch.columns}
            for place, time_ms in enumerate(batch.times_ms):
                row = tuple(columns[name][place] for name in FIELDS)
                found.append((batch.thing, batch.measurement, time_ms, row))
        at = entries[-1].number + 1
    return found, numbers


def assert_whole(box: Outbox, added: list[tuple[Any, ...]]) -> None:
    found, numbers = content(box)
    assert sorted(found, key=repr) == sorted(added, key=repr)
    for given in numbers.values():
        assert [sequence for _, sequence in given] == list(range(len(given)))
        assert [boot for boot, _ in given] == sorted(boot for boot, _ in given)


def test_samples_become_batches_in_order_with_sequences_without_a_hole(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    added = fill(box, clock, 200)
    box.maintain(flush=True)
    assert_whole(box, added)
    assert (box.boot, box.accepted_samples, box.gathered_samples) == (1, 200, 0)
    box.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    clock, dice, added = Clock(), random.Random(seed), []
    folder = tmp_path / "0"
    for life in range(1, 8):
        box = Outbox(folder, EACH, clock_ms=clock)
        assert box.boot == life
        added += fill(box, clock, dice.randrange(1, 60), first=1000 * life)
        if dice.random() < 0.3:
            box.maintain(flush=True)
        killed = tmp_path / str(life)
        shutil.copytree(folder, killed)  # what the disk has when the process is killed
        box.batches.log.close()
        box._journal.log.close()
        folder = killed
    box = Outbox(folder, EACH, clock_ms=clock)
    box.maintain(flush=True)
    assert_whole(box, added)
    box.close()


def test_a_torn_row_is_the_only_one_that_a_cut_takes(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "a", EACH, clock_ms=clock)
    added = fill(box, clock, 5)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    box.close()
    (path,) = (tmp_path / "b" / "rows").glob("*.seg")
    path.write_bytes(path.read_bytes()[:-1])
    box = Outbox(tmp_path / "b", EACH, clock_ms=clock)
    added = added[:-1] + fill(box, clock, 40, first=7)
    box.maintain(flush=True)
    assert_whole(box, added)
    box.close()


def test_batches_that_a_power_cut_takes_back_are_made_again_of_their_rows(tmp_path: Path) -> None:
    clock = Clock()
    lazy = OutboxSettings(sync_interval_ms=3_600_000, batch=EACH.batch)
    box = Outbox(tmp_path / "a", lazy, clock_ms=clock)
    added = fill(box, clock, 30)
    assert box.batches.read(0) == []  # not on the disk: not given out
    box._journal.log.sync()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    box.close()
    (path,) = (tmp_path / "b" / "batches").glob("*.seg")
    path.write_bytes(b"")
    box = Outbox(tmp_path / "b", EACH, clock_ms=clock)
    box.maintain(flush=True)
    assert_whole(box, added)
    assert box.batches.read(0)
    box.close()


def test_sequences_go_on_when_all_was_sent_and_deleted(tmp_path: Path) -> None:
    clock = Clock()
    settings = OutboxSettings(bytes_max=256 * KIBIBYTE, batch=EACH.batch)
    folder, given = tmp_path / "0", []
    for life in range(1, 5):
        box = Outbox(folder, settings, clock_ms=clock)
        box.batches.join("cloud")
        for number in range(40):
            fill(box, clock, 40, first=10_000 * life + 40 * number)
            box.batches.log.sync()
            entries = box.batches.read(box.batches.join("cloud"))
            given += [(entry.thing, entry.sequence) for entry in entries]
            box.batches.finish("cloud", entries[-1].number + 1)
        killed = tmp_path / str(life)
        shutil.copytree(folder, killed)
        box.batches.log.close()
        box._journal.log.close()
        folder = killed
    assert len(given) == len(set(given))
    assert box.batches.log.oldest_sequence > 0
    for thing in ("gw-1", "gw-1:press"):
        sequences = [sequence for name, sequence in given if name == thing]
        assert sequences == list(range(len(sequences)))


def small(when_full: WhenOutboxFull, samples_max: int = 7) -> OutboxSettings:
    batch = BatchSettings(samples_max=samples_max, age_ms_max=EACH.batch.age_ms_max)
    return OutboxSettings(bytes_max=256 * KIBIBYTE, when_full=when_full, batch=batch)


def test_reject_refuses_the_newest_and_keeps_what_it_took(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", small(WhenOutboxFull.REJECT, 2), clock_ms=clock)
    added: list[tuple[Any, ...]] = []
    refused = None
    while refused is None:
        try:
            added += fill(box, clock, 1, first=len(added))
        except OutboxFullError as error:
            refused = str(error)
    assert "no sink takes them" in refused
    with pytest.raises(OutboxFullError):
        fill(box, clock, 1)
    assert box.dropped["samples_rejected"] == 2
    assert box.pressure.is_high
    box.maintain(flush=True)
    assert_whole(box, added)
    box.batches.join("cloud")
    box.batches.finish("cloud", box.batches.log.next_sequence)
    assert not box.pressure.is_high
    added += fill(box, clock, 1)
    box.close()


def test_drop_oldest_keeps_the_newest_and_counts_the_rest(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", small(WhenOutboxFull.DROP_OLDEST, 2), clock_ms=clock)
    box.batches.join("cloud")
    added = fill(box, clock, 5_000)
    box.maintain(flush=True)
    assert box.batches.log.size_bytes <= 256 * KIBIBYTE
    found, _ = content(box)
    assert set(map(repr, found)) <= set(map(repr, added))
    assert len(found) + box.dropped["samples"] == len(added)
    assert box.dropped["batches"] > 0
    assert max(time_ms for *_, time_ms, _ in found) == clock.now_ms
    dropped = box.dropped
    box.close()
    box = Outbox(tmp_path / "outbox", small(WhenOutboxFull.DROP_OLDEST, 2), clock_ms=clock)
    assert box.dropped == dropped  # counts survive a restart
    box.close()


def test_decimate_thins_the_old_and_leaves_no_hole_in_the_sequences(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", small(WhenOutboxFull.DECIMATE), clock_ms=clock)
    box.batches.join("cloud")
    added = fill(box, clock, 9_000)
    box.maintain(flush=True)
    assert box.batches.log.size_bytes <= 256 * KIBIBYTE
    found, numbers = content(box)
    assert set(map(repr, found)) <= set(map(repr, added))
    dropped = box.dropped
    assert len(found) + dropped["samples_decimated"] + dropped["samples"] == len(added)
    assert dropped["samples_decimated"] > 0
    for given in numbers.values():
        sequences = [sequence for _, sequence in given]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    box.close()


def test_what_a_sink_may_be_sending_is_not_thinned(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", small(WhenOutboxFull.DECIMATE), clock_ms=clock)
    box.batches.join("cloud")
    fill(box, clock, 4_000)
    box.batches.log.sync()
    held = box.batches.read(0, bytes_max=50_000)
    assert held[0].number == 0
    assert len(held) > 300
    while not box.dropped["samples_decimated"]:
        fill(box, clock, 100, first=9_000)
    assert box.batches.peek(0, bytes_max=50_000)[: len(held)] == held
    assert any(entry.thinned for entry in box.batches.peek(held[-1].number + 1))
    box.close()


def test_a_sample_that_no_batch_takes_is_set_aside_and_the_others_go(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    where = Stream("harbour", "gw-1", "notes", ("text",))
    for number in range(7):
        box.append(where, clock.now_ms + number, ("x" * (2_000 if number == 3 else 5),))
    box.maintain(flush=True)
    kept = [decode(entry.payload) for entry in box.batches.peek(0)]
    assert [batch.sequence for batch in kept] == list(range(len(kept)))
    assert sum(len(batch.times_ms) for batch in kept) == 6
    assert box.dropped["samples_refused"] == 1
    (line,) = (tmp_path / "outbox" / "refused.jsonl").read_text().splitlines()
    assert json.loads(line)["time_ms"] == clock.now_ms + 3
    box.close()


def test_a_wide_stream_goes_as_several_measurements(tmp_path: Path) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    names = tuple(f"tag_{number}" for number in range(300))
    box.append(Stream("harbour", "gw-1", "plc", names), clock.now_ms, tuple(range(300)))
    box.maintain(flush=True)
    batches = [decode(entry.payload) for entry in box.batches.peek(0)]
    assert [batch.measurement for batch in batches] == ["plc", "plc_2", "plc_3"]
    values = [column.values[0] for batch in batches for column in batch.columns]
    assert values == list(range(300))
    box.close()


def test_one_process_has_an_outbox_and_names_are_checked(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox")
    with pytest.raises(LogLockedError):
        Outbox(tmp_path / "outbox")
    box.close()
    makers: list[Callable[[], object]] = [
        lambda: Stream("a b", "t", "m", ("x",)),
        lambda: Stream("s", "t", "M", ("x",)),
        lambda: Stream("s", "t", "m", ()),
        lambda: Stream("s", "t", "m", ("x", "x")),
        lambda: BatchSettings(samples_max=0),
        lambda: Outbox(tmp_path / "tiny", OutboxSettings(bytes_max=1024)),
        lambda: Outbox(tmp_path / "water", OutboxSettings(high_water=0.2)),
    ]
    for make in makers:
        with pytest.raises(GateError):
            make()


def test_a_day_of_a_thousand_values_a_second_stays_under_250_megabytes(tmp_path: Path) -> None:
    """Ten units of 100 tags, each a walk with the noise of a 12-bit converter, four minutes."""
    clock, dice, seconds = Clock(), random.Random(1), 240
    box = Outbox(tmp_path / "outbox", OutboxSettings(sync_interval_ms=60_000), clock_ms=clock)
    units = [
        Stream("harbour", "gw-1", f"unit_{n}", tuple(f"temperature_{t}_c" for t in range(100)))
        for n in range(10)
    ]
    levels = [[dice.randrange(1000, 9000) for _ in range(100)] for _ in units]
    for _ in range(seconds):
        clock.now_ms += 1_000
        for unit, level in zip(units, levels, strict=True):
            level[:] = [value + round(dice.gauss(0, 2)) for value in level]
            box.append(unit, clock.now_ms, [value / 100 for value in level])
        box.maintain()
    box.maintain(flush=True)
    day_bytes = box.batches.log.size_bytes * 86_400 / seconds
    rows_bytes = box._journal.log.size_bytes
    assert day_bytes + rows_bytes < 250_000_000, f"{day_bytes / 1e6:.0f} MB"
    box.close()


def test_samples_of_one_millisecond_in_two_batches_do_not_hide_each_other(tmp_path: Path) -> None:
    """As notifications of a server come, which stamps many changes alike."""
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    for number in range(20):
        box.append(stream(), clock.now_ms, (number / 10, number, True))
    box.maintain(flush=True)
    batches = [decode(entry.payload) for entry in box.batches.peek(0)]
    assert [len(batch.times_ms) for batch in batches] == [7, 7, 6]
    times = [set(batch.times_ms) for batch in batches]
    assert len(set.union(*times)) == sum(map(len, times)) == 3
    assert max(times[2]) <= clock.now_ms + 2
    box.close()


def test_a_stream_whose_name_the_disk_refuses_is_no_stream_that_nobody_can_read(
    tmp_path: Path,
) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    in_the_way = tmp_path / "outbox" / "rows" / "streams.json.new"
    in_the_way.mkdir()
    for _ in range(2):
        with pytest.raises(LogWriteError):
            box.append(stream(), clock.now_ms, (1.0, 1, True))
    in_the_way.rmdir()
    added = fill(box, clock, 5)
    box._journal.log.close()  # as a kill leaves it
    box.batches.log.close()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    box.maintain(flush=True)
    assert_whole(box, added)
    box.close()


def test_samples_of_batches_that_the_disk_refuses_become_batches_when_it_takes_them(
    tmp_path: Path,
) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    segment = tmp_path / "outbox" / "batches" / f"{0:020d}.seg"
    segment.unlink()
    segment.mkdir()  # no file: as a disk that takes nothing
    added = []
    for number in range(40):
        clock.now_ms += 1_000
        box.append(stream(), clock.now_ms, (1.0, number, True))
        added.append(("gw-1", "tank", clock.now_ms, (1.0, number, True)))
        with contextlib.suppress(LogWriteError):
            box.maintain()
    assert box.gathered_samples == box.accepted_samples == 40
    with pytest.raises(LogWriteError):
        box.maintain(flush=True)
    segment.rmdir()
    box.maintain(flush=True)
    assert box.gathered_samples == 0
    assert_whole(box, added)
    box.close()


def test_damaged_files_beside_the_logs_cost_no_start_and_are_set_aside(tmp_path: Path) -> None:
    clock = Clock()
    folder = tmp_path / "outbox"
    box = Outbox(folder, EACH, clock_ms=clock)
    added = fill(box, clock, 20)
    waiting = box.gathered_samples
    box.close()
    for name in ("numbers.json", "rows/streams.json"):
        (folder / name).write_bytes(b"\0" * 64)  # what some file systems leave of a power cut
    box = Outbox(folder, EACH, clock_ms=clock)
    assert len((folder / "rows" / "orphans.jsonl").read_bytes().splitlines()) >= waiting > 0
    assert box.boot > clock.now_ms // 1_000  # no boot before had that number
    added = fill(box, clock, 20, first=1_000)
    box.maintain(flush=True)
    found, numbers = content(box)
    assert set(map(repr, added)) <= set(map(repr, found))
    assert all(len(given) == len(set(given)) for given in numbers.values())
    box.close()


@in_loop
async def test_a_disk_that_refuses_is_told_once_until_it_takes_something(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    segment = tmp_path / "outbox" / "batches" / f"{0:020d}.seg"
    segment.unlink()
    segment.mkdir()
    fill_without_batches = 8  # one more than a batch has
    for number in range(fill_without_batches):
        box.append(stream(), clock.now_ms + number, (1.0, number, True))
    upkeep = asyncio.create_task(keep_up(box))
    async with asyncio.timeout(10):
        while "can't be written" not in caplog.text:
            await asyncio.sleep(0.01)
    await asyncio.sleep(3 * UPKEEP_S)
    assert caplog.text.count("can't be written") == 1
    segment.rmdir()
    async with asyncio.timeout(10):
        while box.gathered_samples:
            await asyncio.sleep(0.01)
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
    box.close()


def test_a_disk_that_takes_nothing_slows_the_pollers_down_until_it_takes_something(
    tmp_path: Path,
) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=clock)
    segment = tmp_path / "outbox" / "rows" / f"{0:020d}.seg"
    segment.unlink()
    segment.mkdir()
    with pytest.raises(LogWriteError):
        box.append(stream(), clock.now_ms, (1.0, 1, True))
    assert (box.pressure.stretch, box.pressure.fill) == (16.0, 0.0)
    segment.rmdir()
    box.append(stream(), clock.now_ms, (1.0, 1, True))
    assert box.pressure.stretch == 1.0
    box.close()


def test_when_batches_go_may_change_while_it_is_open_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    box = Outbox(tmp_path / "outbox", OutboxSettings(sync=Sync.EACH), clock_ms=clock)
    quick = replace(box.settings, batch=BatchSettings(age_ms_max=500))
    for number in range(2):  # the first batch of a start is quick anyway
        box.append(stream(), clock.now_ms, (1.5, number, True))
        clock.now_ms += 3_000
        box.maintain()
        assert box.batches.log.next_sequence == 1
        if number == 0:
            continue
        note_settings(box, quick)
        box.maintain()
        assert box.batches.log.next_sequence == 2
    assert not caplog.records
    note_settings(box, replace(quick, sync=Sync.BATCH))
    assert "its settings are those of the next start" in caplog.text
    assert box.settings == quick
    box.close()
