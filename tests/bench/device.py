"""The board's code on the real VM at its heap, beside the MQTT clients that boards have.

Theirs are figures of an earlier run on a machine of this kind: no package index has them in a
form that installs. Everything else is measured here: over mutual TLS, to a broker that answers
at once or after a round trip, on a flash that counts.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.erases import erases_per_1000
from tests.bench.figures import Figures
from tests.firmware import vm
from tests.firmware.lib.tidenode import one_vm
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import Faults
from tidectl.firmware_image import FIRMWARE, compile_folder, program_files, romfs_of
from tidewire import decode

ROUND_TRIP_S = 0.05
SCRIPT = Path(vm.__file__).with_name("device_run.py")
SAMPLES = 1_000  # between two looks at the heap
# Two measurements at their full batches of 60; `chip` reads the heap.
BOARD: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 10},
        {"name": "health", "driver": "chip", "period_ms": 10},
    ],
    "batch": {"age_ms_max": 10_000},
}
# figure -> of tidenode: measured below; umqtt.simple 1.3.4, mqtt_as 0.8.3: see above.
BEFORE: dict[str, tuple[str, str]] = {
    "publishes/s, no delay": ("13,000 blocking", "193 with 32 tasks"),
    "publishes/s, 50 ms round trip": ("19", "79 with 8 tasks"),
    "samples encoded/s": ("-", "-"),
    "bytes/sample, 2 fields, on the wire": ("48 as JSON", "48 as JSON"),
    "heap, imported": ("5,400", "20,832"),
    "heap, connected, batches full": ("-", "-"),
    "heap grown over 1,000 samples": ("-", "-"),
    "closed socket noticed, ms": ("at the next publish", "27,000"),
    "silent peer noticed, ms, keepalive 1 s": ("never", "-"),
    "erases/1,000 records of 64 bytes, files": ("-", "-"),
    "the same, default gathering": ("-", "-"),
    "the same, a ring on a partition": ("-", "-"),
}


def run() -> Figures:
    """Measure the client, the encoder, the outbox and the whole agent."""
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench") as name:
        folder = Path(name)
        rate = _rate(folder / "near", Faults(), 3_000)
        rate_far = _rate(folder / "far", Faults(puback_delay_s=ROUND_TRIP_S), 900)
        closed_ms = _closed_ms(folder / "closed")
        silent_ms = _silent_ms(folder / "silent")
        imported_bytes = _imported_bytes(folder / "program")
        steady_bytes, growth_bytes = _heap(folder / "board")
    samples_per_s, bytes_per_sample = vm.run(SCRIPT, "encode")
    littlefs_erases, ring_erases = erases_per_1000("segments"), erases_per_1000("ring")
    default_erases = erases_per_1000("segments", sync_batches=8)
    figures = [
        rate, rate_far, samples_per_s, round(bytes_per_sample, 1), imported_bytes, steady_bytes,
        growth_bytes, closed_ms, silent_ms, littlefs_erases, default_erases, ring_erases,
    ]  # fmt: skip
    table = Table(
        title=f"device: MicroPython's unix port, heap of {vm.HEAP_BYTES // 1024} KB",
        title_justify="left",
        caption="umqtt and mqtt_as: measured before, not in this run",
        caption_justify="left",
    )
    table.add_column("")
    for client in ("tidenode", "umqtt.simple", "mqtt_as"):
        table.add_column(client, justify="right")
    for (what, others), figure in zip(BEFORE.items(), figures, strict=True):
        table.add_row(what, "-" if figure is None else f"{figure:,}", *others)
    return Figures(
        table,
        {
            "publishes_per_s_0ms": rate,
            "publishes_per_s_50ms": rate_far,
            "device_samples_encoded_per_s": samples_per_s,
            "device_bytes_per_sample": round(bytes_per_sample, 2),
            "import_heap_bytes": imported_bytes,
            "steady_heap_bytes": steady_bytes,
            "growth_bytes_per_1000_samples": growth_bytes,
            "closed_socket_noticed_ms": closed_ms,
            "silent_peer_noticed_ms": silent_ms,
            "erases_per_1000_littlefs": littlefs_erases,
            "erases_per_1000_littlefs_default": default_erases,
            "erases_per_1000_ring": ring_erases,
        },
    )


def _bench(folder: Path, faults: Faults) -> Bench:
    folder.mkdir()
    bench = Bench(folder)
    bench.broker.misbehave(faults)
    bench.broker.resume()
    return bench


def _rate(folder: Path, faults: Faults, total: int) -> int:
    """Return publishes a second, of 200 bytes, 16 in flight."""
    with _bench(folder, faults) as bench:
        done = one_vm.run(bench, "carry", ports=[bench.broker.port], total=total, size=200)
    return int((total - 1) * 1_000 / done["took_ms"])


def _closed_ms(folder: Path) -> int:
    """Return the longest pause from an acknowledgement to the next, over ten cut connections."""
    with _bench(folder, Faults(seed=2, cut=0.05)) as bench:
        done = one_vm.run(bench, "carry", ports=[bench.broker.port], losses=10)
    return int(done["longest_ms"])


def _silent_ms(folder: Path) -> int:
    """Return how long an idle link to a peer that says nothing more is believed."""
    with (
        _bench(folder, Faults(answer_pings=False)) as bench,
        one_vm.beside(
            bench, "carry", ports=[bench.broker.port], losses=1, keepalive_s=1,
            ack_timeout_ms=500, idle=True,
        ) as carrying,
    ):  # fmt: skip
        bench.broker.wait_for(lambda: len(bench.broker.clients) == 1, LATE_S_MAX)
        began_s = time.monotonic()
        carrying.result()
        return int((time.monotonic() - began_s) * 1_000)


def _imported_bytes(folder: Path) -> int:
    for name, data in program_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return int(vm.run(SCRIPT, "import_bytes", rom=romfs_of(folder)))


def _heap(folder: Path) -> tuple[int, int]:
    """Return the heap that a board holds without its stand-ins, and what it grows.

    Garbage comes and goes: the least of many readings is what is held.
    """
    with _bench(folder, Faults()) as bench:
        board = bench.board(**BOARD)
        board.wait_for(lambda stats: stats.acknowledged >= 2 * 3 * SAMPLES, LATE_S_MAX + 60)
        bench.end(board)
        used = [
            value
            for batch in (decode(publish.payload) for publish in bench.broker.received)
            for column in batch.columns
            if column.name == "heap_used_bytes"
            for value in column.values
        ]
    heap_run = Path(vm.__file__).parent / "sim" / "heap_run.py"
    stand_ins = romfs_of(compile_folder(FIRMWARE / "sim"))
    stand_ins_bytes = sum(vm.run(heap_run, "bme280", rom=stand_ins))
    early, late = min(used[SAMPLES : 2 * SAMPLES]), min(used[2 * SAMPLES : 3 * SAMPLES])
    return late - stand_ins_bytes, late - early
