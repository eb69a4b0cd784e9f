"""Samples become batches by count or by age, and none disappears uncounted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tidenode.batcher import Batcher
from tidenode.clock import FLOOR_MS
from tidewire import DECIMAL, INTEGER, Batch, WireLimitError, decode, encode

FIELDS = (("temperature_c", 2), ("count", 0))


class Bench:
    """A batcher over a real outbox, a clock that a test turns and an ear for warnings."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = 0
        self.warnings: list[str] = []
        self.outbox = Flash("segments", folder / "outbox", blocks=16).opened()

    def monotonic_ms(self) -> int:
        return self.now_ms

    def batcher(self, samples_max: int = 5, encode: Callable[[Batch], bytes] = encode) -> Batcher:
        return Batcher(
            origin=("farm", "board-1", "climate", 3),
            fields=FIELDS,
            samples_max=samples_max,
            age_ms_max=1_000,
            outbox=self.outbox,
            clock=self,
            encode=encode,
            warn=self.warnings.append,
        )

    def batches(self) -> list[Batch]:
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


def test_a_full_batch_goes_to_the_outbox_at_once(bench: Bench) -> None:
    batcher = bench.batcher(samples_max=2)
    batcher.add(FLOOR_MS, (2150, 7))
    assert len(bench.outbox) == bench.outbox.accepted == 0
    batcher.add(FLOOR_MS + 10, (2151, None))
    assert bench.outbox.accepted == 2
    (batch,) = bench.batches()
    assert batch[:6] == ("farm", "board-1", "climate", 3, 0, [FLOOR_MS, FLOOR_MS + 10])
    assert batch.columns == [
        ("temperature_c", DECIMAL, 2, [2150, 2151]),
        ("count", INTEGER, 0, [7, None]),
    ]


def test_an_old_batch_goes_though_it_is_not_full(bench: Bench) -> None:
    batcher = bench.batcher()
    bench.now_ms = 5_000
    batcher.flush_if_old()
    batcher.add(FLOOR_MS, (1, 1))
    bench.now_ms += 999
    batcher.flush_if_old()
    assert len(bench.outbox) == 0
    bench.now_ms += 1
    batcher.flush_if_old()
    batcher.flush_if_old()
    assert [len(batch.times_ms) for batch in bench.batches()] == [1]


def test_a_time_that_descends_begins_another_batch(bench: Bench) -> None:
    batcher = bench.batcher()
    for time_ms in (FLOOR_MS + 9, FLOOR_MS + 9, FLOOR_MS, FLOOR_MS + 1):
        batcher.add(time_ms, (0, 0))
    batcher.flush()
    assert [batch.times_ms for batch in bench.batches()] == [
        [FLOOR_MS + 9, FLOOR_MS + 9],
        [FLOOR_MS, FLOOR_MS + 1],
    ]


def test_batchers_share_one_sequence(bench: Bench) -> None:
    first, second = bench.batcher(samples_max=1), bench.batcher(samples_max=1)
    for batcher in (first, second, first):
        batcher.add(FLOOR_MS, (0, 0))
    assert [batch.sequence for batch in bench.batches()] == [0, 1, 2]


def test_what_the_outbox_refuses_is_counted_and_told(bench: Bench, tmp_path: Path) -> None:
    bench.outbox = Flash("segments", tmp_path / "small", blocks=1).opened()
    batcher = bench.batcher(samples_max=2, encode=lambda _: bytes(4_096))
    for _ in range(2):
        batcher.add(FLOOR_MS, (0, 0))
    assert (bench.outbox.accepted, bench.outbox.dropped) == (0, 2)
    assert bench.warnings == [
        "batch dropped measurement=climate: batch of 4096 bytes, outbox of 4025"
    ]


@pytest.mark.parametrize("error", [MemoryError(), WireLimitError("samples", 9, 8)])
def test_a_batch_that_can_not_be_encoded_is_counted_and_the_next_one_goes(
    bench: Bench, error: Exception
) -> None:
    failing = True

    def encode_later(batch: Batch) -> bytes:
        if failing:
            raise error
        return encode(batch)

    batcher = bench.batcher(samples_max=2, encode=encode_later)
    for _ in range(2):
        batcher.add(FLOOR_MS, (0, 0))
    assert (bench.outbox.accepted, bench.outbox.dropped, bench.outbox.next_sequence) == (0, 2, 1)
    assert len(bench.warnings) == 1
    failing = False
    for _ in range(2):
        batcher.add(FLOOR_MS + 1, (0, 0))
    (batch,) = bench.batches()
    assert (batch.sequence, batch.times_ms) == (1, [FLOOR_MS + 1] * 2)


def test_a_batch_that_finds_no_heap_for_now_goes_as_soon_as_there_is_some(bench: Bench) -> None:
    short = True

    def encode_later(batch: Batch) -> bytes:
        if short:
            raise MemoryError
        return encode(batch)

    batcher = bench.batcher(samples_max=4, encode=encode_later)
    batcher.add(FLOOR_MS, (0, 0))
    bench.now_ms += 1_000
    batcher.flush_if_old()
    batcher.add(FLOOR_MS + 1_000, (1, 1))
    batcher.flush_if_old()
    assert (bench.batches(), bench.outbox.dropped, bench.warnings) == ([], 0, [])
    short = False
    batcher.flush_if_old()
    (batch,) = bench.batches()
    assert batch.times_ms == [FLOOR_MS, FLOOR_MS + 1_000]


def test_values_of_64_bits_and_none_come_back_as_they_were(bench: Bench) -> None:
    batcher = bench.batcher(samples_max=3)
    rows = [(0, 1 << 31), (None, -(1 << 63)), ((1 << 63) - 1, None)]
    for _ in range(2):
        for row in rows:
            batcher.add(FLOOR_MS, row)
    for _ in range(3):
        batcher.add(FLOOR_MS, (-0x80000000, 0x7FFFFFFF))
    *wide, narrow = bench.batches()
    for batch in wide:
        columns = [list(one) for one in zip(*rows, strict=True)]
        assert [column.values for column in batch.columns] == columns
    assert [column.values for column in narrow.columns] == [[-0x80000000] * 3, [0x7FFFFFFF] * 3]


def test_a_clock_that_leaps_begins_another_batch(bench: Bench) -> None:
    batcher = bench.batcher()
    times_ms = [FLOOR_MS, FLOOR_MS + 0x7FFFFFFF, FLOOR_MS + 0x80000000]
    for time_ms in times_ms:
        batcher.add(time_ms, (0, 0))
    batcher.flush()
    assert [batch.times_ms for batch in bench.batches()] == [times_ms[:2], times_ms[2:]]
