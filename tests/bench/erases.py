"""What an outbox costs its flash, counted on the real LittleFS below a flash in RAM.

Counts, not times: they are the same on every machine.
"""

from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.figures import Figures
from tests.firmware import vm

RECORD_BYTES = 64
BATCHES = 1_000
BLOCKS = 128  # 512 KiB
SYNC_BATCHES = 64
HEAP_BYTES = 8 << 20  # the flash is in it
_RUN = Path(__file__).with_name("erases_run.py")


def erases(
    storage: str, *, batches: int, payload_bytes: int, sync_batches: int, blocks: int = BLOCKS
) -> dict[str, Any]:
    """Return the counts of `batches` more batches on a flash that has seen as many.

    `storage` is `segments` or `ring`. Keys: erases, erases_most and erases_least (of one
    block), programmed_bytes.
    """
    numbers = (batches, payload_bytes, sync_batches, blocks)
    return dict(vm.run(_RUN, storage, *map(str, numbers), heap_bytes=HEAP_BYTES))


def erases_per_1000(storage: str, *, sync_batches: int = SYNC_BATCHES) -> int:
    """Return the block erases for 1,000 records of 64 bytes; a ring syncs at each of them."""
    counts = erases(storage, batches=BATCHES, payload_bytes=RECORD_BYTES, sync_batches=sync_batches)
    return int(counts["erases"])


def run() -> Figures:
    """Count both storages, and what each batch alone costs in a file of its own."""
    table = Table("storage", "batches of", "synced", "erases per 1,000", "per KiB")
    values: dict[str, float | int | str | bool | None] = {}
    for storage, payload_bytes, sync_batches in (
        ("segments", 64, 64),
        ("segments", 64, 1),
        ("segments", 380, 8),
        ("segments", 380, 1),
        ("ring", 64, 1),
        ("ring", 380, 1),
    ):
        count = erases(
            storage, batches=BATCHES, payload_bytes=payload_bytes, sync_batches=sync_batches
        )["erases"]
        per_kib = count * 1024 / (BATCHES * payload_bytes)
        synced = "each" if sync_batches == 1 else f"every {sync_batches} or a block"
        table.add_row(storage, f"{payload_bytes} bytes", synced, str(count), f"{per_kib:.2f}")
        values[f"erases_{storage}_{payload_bytes}_bytes_sync_{sync_batches}_per_1000"] = count
    return Figures(table, values)
