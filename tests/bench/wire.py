"""Bytes a value of a batch against other encodings, and how fast it is written and read."""

import json
import struct
import time
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise

import cbor2
from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.recordings import Recording, house, pump
from tidewire import DECIMAL, Batch, decode, encode, real_values

ROUNDS = 3  # the best counts: the machine is not ours alone


def run() -> Figures:
    """Measure both recordings in batches of 60, framing and names included."""
    recordings = [house(), pump()]
    title = "wire: " + ", ".join(f"{r.title} {r.values:,} values" for r in recordings)
    table = Table(title=f"{title}; batches of 60", title_justify="left")
    table.add_column("encoding")
    figures: dict[str, float | int | str | bool | None] = {}
    batches = [list(recording.batches()) for recording in recordings]
    for recording in recordings:
        table.add_column(f"{recording.name} bytes/value", justify="right")
    table.add_column("write values/s", justify="right")
    table.add_column("read values/s", justify="right")
    for name, write, read in ENCODINGS:
        payloads = [[write(batch) for batch in some] for some in batches]
        sizes = [
            sum(map(len, some)) / recording.values
            for some, recording in zip(payloads, recordings, strict=True)
        ]
        values = sum(recording.values for recording in recordings)
        write_rate = values / _best_s(write, [b for some in batches for b in some])
        read_rate = values / _best_s(read, [p for some in payloads for p in some])
        rates = (f"{write_rate:,.0f}", f"{read_rate:,.0f}")
        table.add_row(name, *(f"{size:.3f}" for size in sizes), *rates)
        if write is encode:
            for recording, size in zip(recordings, sizes, strict=True):
                figures[f"{recording.name}_bytes_per_value"] = round(size, 3)
            figures["decode_values_per_s"] = round(read_rate)
            figures["encode_values_per_s"] = round(write_rate)
    figures["recordings_real"] = all(recording.real for recording in recordings)
    return Figures(table, figures)


def _best_s[T](work: Callable[[T], object], items: list[T]) -> float:
    best_s = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for item in items:
            work(item)
        best_s = min(best_s, time.perf_counter() - start)
    return best_s
