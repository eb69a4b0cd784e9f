"""Batches that were taken before the time was known get it, or are counted."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidenode.storages import Flash
from tests.firmware.lib.tidenode.test_clock import Ticks
from tidenode.batcher import Batcher
from tidenode.clock import FLOOR_MS, UNSET_MS
from tidenode.waiting import Waiting, shifted
from tidewire import INTEGER, Batch, Column, decode, encode

FIELDS = (("temperature_c", 2),)


class Bench:
    """Two batchers of a cold board, over a real outbox."""

    def __init__(self, folder: Path, bytes_max: int = 4_096) -> None:
        self.ticks = Ticks((1 << 30) - 5_000)  # they wrap soon
        self.clock = self.ticks.clock()
        self.warnings: list[str] = []
        self.outbox = Flash("segments", folder / "outbox", blocks=16).opened()
        self.waiting = Waiting(outbox=self.outbox, bytes_max=bytes_max, warn=self.warnings.append)
        self.batchers = [self.batcher(name) for name in ("climate", "health")]
        for batcher in self.batchers:
            self.waiting.join(batcher)
        self.true_ms: dict[str, list[int]] = {"climate": [], "health": []}
        self.booted_at_ms = FLOOR_MS + 123_456

    def batcher(self, measurement: str) -> Batcher:
        return Batcher(
            origin=("farm", "board-1", measurement, 3),
            fields=FIELDS,
            samples_max=5,
            age_ms_max=60_000,
            outbox=self.waiting,  # type: ignore[arg-type]  # stands in for it
            clock=self.clock,
            encode=encode,
            warn=self.warnings.append,
        )

    def pass_and_sample(self, passed_ms: int, number: int) -> None:
        start_ms = (1 << 30) - 5_000
        self.ticks.passed_ms += passed_ms
        batcher = self.batchers[number]
        true_ms = self.booted_at_ms + self.ticks.passed_ms - start_ms
        self.true_ms[("climate", "health")[number]].append(true_ms)
        batcher.add(self.clock.utc_ms(), (true_ms % 1_000,))

    def learn(self) -> None:
        before_ms = self.clock.utc_ms()
        now_ms = self.booted_at_ms + before_ms - UNSET_MS
        assert self.clock.set_utc_ms(now_ms)
        self.waiting.release(now_ms - before_ms)

    def batches(self) -> list[Any]:
        self.outbox.sync()
        found, after = [], -1
        while entry := self.outbox.next_after(after):
            payload = bytearray(entry.size_bytes)
            self.outbox.read_into(entry, memoryview(payload))
            batch = decode(bytes(payload))
            assert (batch.sequence, len(batch.times_ms)) == (entry.sequence, entry.samples)
            found.append(batch)
            after = entry.sequence
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@given(
    st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 1)), max_size=40),
    st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 1)), max_size=20),
)
def test_every_sample_has_its_true_time_whenever_that_became_known(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[int, int]],
    after: list[tuple[int, int]],
) -> None:
    bench = Bench(tmp_path_factory.mktemp("flash"))
    for step in before:
        bench.pass_and_sample(*step)
    assert bench.batches() == []
    bench.learn()
    for step in after:
        bench.pass_and_sample(*step)
    for batcher in bench.batchers:
        batcher.flush()
    batches = bench.batches()
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    for measurement, true_ms in bench.true_ms.items():
        mine = [batch for batch in batches if batch.measurement == measurement]
        assert [time_ms for batch in mine for time_ms in batch.times_ms] == true_ms
        values = [value for batch in mine for value in batch.columns[0].values]
        assert values == [time_ms % 1_000 for time_ms in true_ms]
    assert (bench.outbox.dropped, bench.warnings) == (0, [])


def test_at_the_limit_the_oldest_are_counted_and_the_sequence_shows_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bytes_max=400)
    for _ in range(100):
        bench.pass_and_sample(100, 0)
    bench.learn()
    batches = bench.batches()
    kept = sum(len(batch.times_ms) for batch in batches)
    assert 0 < kept < 100
    assert bench.outbox.dropped == 100 - kept
    assert batches[0].sequence == (100 - kept) // 5
    assert [time_ms for batch in batches for time_ms in batch.times_ms] == (
        bench.true_ms["climate"][-kept:]
    )
    assert bench.warnings == ["no time yet, and no room: the oldest samples are dropped"]


def test_what_never_learned_its_time_is_counted_and_not_sent(bench: Bench) -> None:
    for _ in range(7):
        bench.pass_and_sample(100, 0)
    bench.batchers[0].flush()
    bench.waiting.release(None)
    assert (bench.batches(), bench.outbox.dropped, bench.outbox.next_sequence) == ([], 7, 2)


def test_a_batch_that_can_not_be_encoded_leaves_its_hole(bench: Bench) -> None:
    bench.pass_and_sample(100, 0)
    bench.batchers[0].flush()
    bench.waiting.lose(3)
    bench.pass_and_sample(100, 1)
    bench.batchers[1].flush()
    bench.learn()
    assert [batch.sequence for batch in bench.batches()] == [0, 2]
    assert bench.outbox.dropped == 3


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**36),
    st.integers(0, 2**41),
    st.sampled_from(["a", "0:_-" * 16, "board-1"]),
)
def test_only_the_time_of_a_batch_is_shifted(
    boot: int, sequence: int, since_ms: int, shift_ms: int, thing: str
) -> None:
    times_ms = [UNSET_MS + since_ms, UNSET_MS + since_ms + 7]
    column = Column("n", INTEGER, 0, [1, 0x061B000000])
    batch = Batch("farm", thing, "m", boot, sequence, times_ms, [column])
    wanted = batch._replace(times_ms=[time_ms + shift_ms for time_ms in times_ms])
    assert shifted(encode(batch), shift_ms) == encode(wanted)
