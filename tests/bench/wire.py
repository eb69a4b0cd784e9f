"""Bytes a value of a batch against other encodings, and how fast it is written and read."""

import json
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import cbor2
from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.recordings import house, pump
from tidewire import Batch, decode, encode, foreign, real_values

T = TypeVar("T")
ROUNDS_MAX = 5  # the best counts: the machine is not ours alone
ENOUGH_S = 1.0


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
        if read is decode:
            figures["decode_values_per_s"] = round(read_rate)
            figures["encode_values_per_s"] = round(write_rate)
    figures["recordings_real"] = all(recording.real for recording in recordings)
    return Figures(table, figures)


def _best_s(work: Callable[[T], object], items: list[T]) -> float:
    rounds_s: list[float] = []
    while len(rounds_s) < ROUNDS_MAX and sum(rounds_s) < ENOUGH_S:
        start = time.perf_counter()
        for item in items:
            work(item)
        rounds_s.append(time.perf_counter() - start)
    return min(rounds_s)


def _samples(batch: Batch) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield (time in ms, fields) of each sample; the recordings have no nulls and no texts."""
    values = [real_values(column) for column in batch.columns]
    names = [column.name for column in batch.columns]
    for time_ms, *row in zip(batch.times_ms, *values, strict=True):
        yield time_ms, dict(zip(names, row, strict=True))


def _json_samples(batch: Batch) -> bytes:
    """One JSON object a sample, as a board sends it that publishes each by itself."""
    head = {"site": batch.site, "thing": batch.thing}
    return b"\n".join(
        json.dumps({**head, "time": t, **fields}, separators=(",", ":")).encode()
        for t, fields in _samples(batch)
    )


def _read_json_samples(payload: bytes) -> list[object]:
    return [json.loads(line) for line in payload.split(b"\n")]


def _zlib_json(batch: Batch) -> bytes:
    return zlib.compress(_json_samples(batch))


def _read_zlib_json(payload: bytes) -> object:
    return _read_json_samples(zlib.decompress(payload))


def _senml(batch: Batch, labels: dict[str, Any]) -> list[dict[Any, Any]]:
    records = []
    for time_ms, fields in _samples(batch):
        for name, value in fields.items():
            # Times count from the base time in seconds, as RFC 8428 has them.
            since_s = (time_ms - batch.times_ms[0]) / 1000
            records.append({labels["n"]: name, labels["t"]: since_s, labels["v"]: value})
    base = {labels["bn"]: f"{batch.thing}:", labels["bt"]: batch.times_ms[0] / 1000}
    records[0] = {**base, **records[0]}
    return records


def _senml_json(batch: Batch) -> bytes:
    labels = {label: label for label in ("bn", "bt", "n", "t", "v")}
    return json.dumps(_senml(batch, labels), separators=(",", ":")).encode()


def _senml_cbor(batch: Batch) -> bytes:
    labels = {"bn": -2, "bt": -3, "n": 0, "t": 6, "v": 2}
    return cbor2.dumps(_senml(batch, labels), canonical=True)  # floats as short as exact


def _read_senml(payload: bytes) -> Batch:
    return foreign.decode(payload, "plant-7", "board-01", "senml", 0)


def _cbor_floats(batch: Batch) -> bytes:
    """One CBOR map of a batch, its columns arrays of doubles."""
    columns = {column.name: real_values(column) for column in batch.columns}
    return cbor2.dumps({"thing": batch.thing, "times": batch.times_ms, **columns})


def _typed_deltas(batch: Batch) -> bytes:
    """One CBOR map of a batch, its columns RFC 8746 arrays of deltas, the narrowest that fit."""
    columns = {c.name: [c.decimals, *_typed(c.values)] for c in batch.columns}
    head = {"site": batch.site, "thing": batch.thing, "measurement": batch.measurement}
    return cbor2.dumps({**head, "times": _typed(batch.times_ms), **columns})


def _typed(values: list[int]) -> list[object]:
    deltas = [after - before for before, after in pairwise(values)] or [0]
    for tag, code, bits in ((72, "b", 8), (77, "h", 16), (78, "i", 32), (79, "q", 64)):
        if -(1 << bits - 1) <= min(deltas) and max(deltas) < 1 << bits - 1:
            packed = struct.pack(f"<{len(deltas)}{code}", *deltas)
            return [values[0], cbor2.CBORTag(tag, packed)]
    raise ValueError("deltas of more than 64 bits")


def _read_typed_deltas(payload: bytes) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    codes = {72: ("b", 1), 77: ("h", 2), 78: ("i", 4), 79: ("q", 8)}
    for name, item in cbor2.loads(payload).items():
        if isinstance(item, list):
            first, typed = item[-2:]
            code, size = codes[typed.tag]
            deltas = struct.unpack(f"<{len(typed.value) // size}{code}", typed.value)
            values = list(accumulate(deltas, initial=first))
            scale = 10 ** item[0] if len(item) == 3 else 1  # times have no decimals
            columns[name] = [value / scale for value in values]
    return columns


def _read_batch(payload: bytes) -> list[list[object]]:
    """As far as the others go: to real values."""
    return [real_values(column) for column in decode(payload).columns]


ENCODINGS: list[tuple[str, Callable[[Batch], bytes], Callable[[bytes], object]]] = [
    ("tidewire batch", encode, decode),
    ("tidewire batch, to real values", encode, _read_batch),
    ("typed arrays of deltas (RFC 8746)", _typed_deltas, _read_typed_deltas),
    ("zlib of JSON per sample", _zlib_json, _read_zlib_json),
    ("CBOR of doubles, by column", _cbor_floats, cbor2.loads),
    ("JSON per sample", _json_samples, _read_json_samples),
    ("SenML CBOR (RFC 8428)", _senml_cbor, _read_senml),
    ("SenML JSON (RFC 8428)", _senml_json, _read_senml),
]
