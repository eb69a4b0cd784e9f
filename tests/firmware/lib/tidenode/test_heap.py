"""What the start needed is gone from a running board's heap, wherever its files lie.

The collector takes what is left on the stack for names of objects. What that is depends on the
environment of the process, which here is the simulated board's mapped flash.
"""

import tempfile
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench

HELD_BYTES_MAX = 72_000  # the stand-ins too; with all that the start needs it would be 77,000
MEASUREMENTS = [
    {"name": "climate", "driver": "bme280", "period_ms": 10},
    {"name": "health", "driver": "chip", "period_ms": 10},
]


@pytest.mark.parametrize("longer", [5, 11, 14, 20])  # three of them once found the start there
def test_the_start_leaves_nothing_on_the_heap(longer: int) -> None:
    with tempfile.TemporaryDirectory(prefix="t" * longer) as folder, Bench(Path(folder)) as bench:
        bench.broker.resume()
        board = bench.board(measurements=MEASUREMENTS, batch={"age_ms_max": 10_000})
        board.wait_for(lambda stats: stats.acknowledged >= 400, LATE_S_MAX)
        bench.end(board)
        used_bytes = [
            value
            for batch in bench.batches()
            for column in batch.columns
            if column.name == "heap_used_bytes"
            for value in column.values
        ]
    assert min(used_bytes[60:]) <= HELD_BYTES_MAX
