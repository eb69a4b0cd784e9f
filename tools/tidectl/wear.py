"""Expect how long a board's flash bears its outbox.

Pure: a configuration in, years out. What an erase costs is known from counts on the real
LittleFS and the real ring (`tests/bench/erases.py`, which holds `erases_per_batch` to them).
What a sample takes on the wire is that of slow signals; bring your own by `sample_bytes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Storage = Literal["segments", "ring"]

BLOCK_BYTES = 4096
SOURCE = "erases counted on MicroPython's LittleFS and on the ring: tests/bench/erases.py"
YEAR_S = 31_557_600

# Counted: what LittleFS erases of its directory for each file that comes and goes.
_ERASES_PER_FILE_ELSE = 0.114
# Counted over 9,000 erases of 62 blocks: the most worn block had 1.46 times the mean.
_MOST_WORN = {"segments": 1.46, "ring": 1.05}
# Measured by `make bench ONLY=wire`: a batch's names and heads, and each value, time included.
_BATCH_BYTES = 100
_VALUE_BYTES = 1.4
_RING_HEAD_BYTES = 68  # and the notes at the end


@dataclass(frozen=True, slots=True)
class Source:
    """One measurement of a board."""

    period_ms: int
    fields: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides how a flash wears."""

    sources: Sequence[Source]
    samples_max: int
    age_ms_max: int
    storage: Storage
    sync_batches: int
    sync_age_ms: int


@dataclass(frozen=True, slots=True)
class Wear:
    """What is to be expected."""

    storage: Storage
    batch_age_ms_max: int
    sync_batches: int
    sync_age_ms: int
    lost_by_a_cut_ms: int  # the samples of so long, at the most
    batch_bytes: int  # on the average
    batches_per_hour: float
    erases_per_hour: float
    years: float


def wear(plan: Plan, *, blocks: int, cycles: int) -> Wear:
    """Return what `plan` means for `blocks` that bear `cycles` erases each."""
    batches_per_hour = bytes_per_hour = 0.0
    for source in plan.sources:
        # A batch begins with a sample and goes `age_ms_max` later: both ends count.
        samples = min(plan.samples_max, plan.age_ms_max // source.period_ms + 1)
        span_ms = samples * source.period_ms
        batches = 3_600_000 / span_ms
        batches_per_hour += batches
        bytes_per_hour += batches * (_BATCH_BYTES + samples * (source.fields + 1) * _VALUE_BYTES)
    batch_bytes = round(bytes_per_hour / batches_per_hour)
    come_in_age = 1 + int(batches_per_hour * plan.sync_age_ms / 3_600_000)
    gathered = min(plan.sync_batches, come_in_age)
    erases_per_hour = batches_per_hour * erases_per_batch(plan.storage, batch_bytes, gathered)
    hours = blocks * cycles / _MOST_WORN[plan.storage] / erases_per_hour
    return Wear(
        storage=plan.storage,
        batch_age_ms_max=plan.age_ms_max,
        sync_batches=plan.sync_batches,
        sync_age_ms=plan.sync_age_ms,
        lost_by_a_cut_ms=plan.age_ms_max + (plan.sync_age_ms if plan.sync_batches > 1 else 0),
        batch_bytes=batch_bytes,
        batches_per_hour=round(batches_per_hour, 1),
        erases_per_hour=round(erases_per_hour, 2),
        years=round(hours * 3600 / YEAR_S, 1),
    )


def erases_per_batch(storage: Storage, batch_bytes: int, gathered: int) -> float:
    """Return the erases for a batch of which `gathered` share a file, if a block holds them."""
    record_bytes = batch_bytes + 4
    if storage == "ring":
        fit = max(1, (BLOCK_BYTES - _RING_HEAD_BYTES - 10) // record_bytes)
        return 1 / fit
    together = max(1, min(gathered, (BLOCK_BYTES - 10) // record_bytes))
    blocks = -(-(together * record_bytes + 10) // BLOCK_BYTES)
    return (blocks + _ERASES_PER_FILE_ELSE) / together
