"""What the outbox may cost its flash. Counts on the real LittleFS, so they hold on any machine."""

import pytest

from tests.bench.erases import BLOCKS, erases, erases_per_1000
from tidectl.wear import Storage, erases_per_batch

ROUNDS = 10


@pytest.mark.parametrize(("storage", "erases_max"), [("segments", 30), ("ring", 17)])
def test_a_thousand_records_of_64_bytes_cost_few_erases(storage: str, erases_max: int) -> None:
    assert erases_per_1000(storage) <= erases_max


def test_blocks_of_a_ring_wear_alike() -> None:
    counts = erases("ring", batches=10_000, payload_bytes=380, sync_batches=1, blocks=64)
    assert counts["erases_least"] >= ROUNDS
    assert counts["erases_most"] <= 1.2 * counts["erases_least"]


@pytest.mark.parametrize(
    ("storage", "payload_bytes", "sync_batches"),
    [
        ("segments", 140, 1),
        ("segments", 140, 8),
        ("segments", 380, 1),
        ("segments", 380, 64),
        ("segments", 5_000, 1),
        ("ring", 64, 1),
        ("ring", 380, 1),
        ("ring", 2_500, 1),
    ],
)
def test_the_expected_wear_is_what_the_flash_sees(
    storage: Storage, payload_bytes: int, sync_batches: int
) -> None:
    batches = 300
    counts = erases(
        storage,
        batches=batches,
        payload_bytes=payload_bytes,
        sync_batches=sync_batches,
        blocks=BLOCKS // 2,
    )
    expected = batches * erases_per_batch(storage, payload_bytes, sync_batches)
    assert counts["erases"] == pytest.approx(expected, rel=0.08, abs=2)
