"""The board's code on the real VM at its heap, beside the MQTT clients that boards have.

All of it is measured in one run, over mutual TLS, to a broker that answers at once or after a
round trip, on a flash that counts; the heap on a VM of 64 bits and on one of an ESP32's 32.
Of mqtt_as, which no package index has, the figures are those of an earlier run.
"""

import tempfile
import time
from dataclasses import astuple
from pathlib import Path

from rich.table import Table

from tests.bench import device_peers
from tests.bench.device_heap import SCRIPT, heap_on
from tests.bench.device_peers import PEERS_OF_BOARDS, Peer
from tests.bench.erases import erases_per_1000
from tests.bench.figures import Figures
from tests.bench.peers import PeerMissingError
from tests.bench.vms import Vm, own_vm, small_vm
from tests.firmware import vm
from tests.firmware.lib.tidenode import one_vm
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import Faults

ROUND_TRIP_S = 0.05
# The rows of the table, by the names of their figures.
ROWS = {
    "publishes_per_s_0ms": "publishes/s, no delay",
    "publishes_per_s_50ms": "publishes/s, 50 ms round trip",
    "device_samples_encoded_per_s": "samples encoded/s",
    "device_bytes_per_sample": "bytes/sample of 2 fields",
    "import_heap_bytes": "heap, imported",
    "connected_heap_bytes": "heap, connected",
    "steady_heap_bytes": "heap, steady",
    "growth_bytes_per_1000_samples": "heap grown over 1,000",
    "import_heap_bytes_32bit": "32 bits: heap, imported",
    "connected_heap_bytes_32bit": "32 bits: heap, connected",
    "steady_heap_bytes_32bit": "32 bits: heap, steady",
    "growth_bytes_per_1000_samples_32bit": "32 bits: grown over 1,000",
    "closed_socket_noticed_ms": "closed socket noticed, ms",
    "closed_socket_resumed_ms": "publishing again, ms",
    "silent_peer_noticed_ms": "silent peer noticed, ms",
    "erases_per_1000_littlefs": "erases/1,000 records, files",
    "erases_per_1000_littlefs_default": "files, default gathering",
    "erases_per_1000_ring": "a ring on a partition",
}
_HEAP = [name for name in ROWS if "heap_bytes" in name or "growth" in name]
HEAP_64, HEAP_32 = _HEAP[:4], _HEAP[4:]
# Of mqtt_as 0.8.3, measured before on a machine of this kind: for want of a package of it.
MQTT_AS = {
    "publishes_per_s_0ms": "*193",
    "publishes_per_s_50ms": "*79",
    "device_bytes_per_sample": "*48",
    "import_heap_bytes": "*20,832",
    "import_heap_bytes_32bit": "*14,992",
    "closed_socket_noticed_ms": "*27,000",
}
Value = float | int | str | bool | None
Found = dict[str, Value]


def run() -> Figures:
    """Measure the client, the encoder, the outbox and the whole agent, and the peers."""
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench") as name:
        folder = Path(name)
        vms, caption = {"": own_vm()}, []
        try:
            vms["_32bit"] = small_vm(folder)
        except PeerMissingError as error:
            caption.append(str(error))
        columns: dict[str, Found] = {"tidenode": _ours(folder, vms)}
        for peer in PEERS_OF_BOARDS:
            try:
                columns[f"{peer.title}\n{peer.version}"] = _theirs(peer, folder / peer.key, vms)
            except PeerMissingError as error:
                caption.append(str(error))
    columns["mqtt_as\n0.8.3*"] = dict(MQTT_AS)
    versions = ", ".join(f"{one.version} of {32 if bits else 64} bits" for bits, one in vms.items())
    caption += [
        "heap of tidenode: the whole agent with two sensors; of the others: the client alone",
        "publishes of 200 bytes; keepalive of 1 s, never: not within 10 s; records of 64 bytes",
        "*: measured before, not in this run, with 32 tasks and 8",
    ]
    title = f"device: MicroPython {versions}; heap of {vm.HEAP_BYTES // 1024} KB"
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.caption = "\n".join(caption)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for name, what in ROWS.items():
        table.add_row(what, *(_shown(column.get(name, "-")) for column in columns.values()))
    values = {name: columns["tidenode"].get(name) for name in ROWS}
    for peer in PEERS_OF_BOARDS:
        theirs = columns.get(f"{peer.title}\n{peer.version}", {})
        values |= {f"{peer.key}_{name}": value for name, value in theirs.items()}
    return Figures(table, values)


def _shown(value: Value) -> str:
    if value is None:
        return "never"
    return value if isinstance(value, str) else f"{value:,}"


def _ours(folder: Path, vms: dict[str, Vm]) -> Found:
    found: Found = {
        "publishes_per_s_0ms": _rate(folder / "near", Faults(), 3_000),
        "publishes_per_s_50ms": _rate(folder / "far", Faults(puback_delay_s=ROUND_TRIP_S), 900),
        "closed_socket_noticed_ms": _closed_ms(folder / "closed"),
        "closed_socket_resumed_ms": _resumed_ms(folder / "resumed"),
        "silent_peer_noticed_ms": _silent_ms(folder / "silent"),
        "erases_per_1000_littlefs": erases_per_1000("segments"),
        "erases_per_1000_littlefs_default": erases_per_1000("segments", sync_batches=8),
        "erases_per_1000_ring": erases_per_1000("ring"),
    }
    rate, size = vm.run(SCRIPT, "encode")
    found |= {"device_samples_encoded_per_s": rate, "device_bytes_per_sample": round(size, 2)}
    for bits, which in vms.items():
        heap = heap_on(which, folder / f"board{bits}")
        found |= dict(zip(HEAP_32 if bits else HEAP_64, astuple(heap), strict=True))
    return found


def _theirs(peer: Peer, folder: Path, vms: dict[str, Vm]) -> Found:
    own = vms[""]
    far = device_peers.carried(peer, own, folder / "far", ROUND_TRIP_S)
    rate, size = device_peers.json_samples(own)
    found: Found = {
        "publishes_per_s_50ms": far["per_s"],
        "device_samples_encoded_per_s": rate,
        "device_bytes_per_sample": round(size, 2),
        "closed_socket_noticed_ms": device_peers.closed_ms(peer, own, folder / "closed"),
        "silent_peer_noticed_ms": device_peers.silent_ms(peer, own, folder / "silent"),
    }
    for bits, which in vms.items():
        near = device_peers.carried(peer, which, folder / f"near{bits}", 0.0)
        if not bits:
            found["publishes_per_s_0ms"] = near["per_s"]
        keys = ("imported_bytes", "connected_bytes", "steady_bytes", "growth_bytes")
        found |= dict(zip(HEAP_32 if bits else HEAP_64, (near[key] for key in keys), strict=True))
    return found


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
    """Return how long an idle link is believed whose socket was closed, the VM's end included."""
    return _believed_ms(folder, Faults(), cut=True)


def _silent_ms(folder: Path) -> int:
    """Return how long an idle link to a peer that says nothing more is believed."""
    return _believed_ms(folder, Faults(answer_pings=False), cut=False)


def _believed_ms(folder: Path, faults: Faults, *, cut: bool) -> int:
    with (
        _bench(folder, faults) as bench,
        one_vm.beside(
            bench, "carry", ports=[bench.broker.port], losses=1, keepalive_s=1,
            ack_timeout_ms=500, idle=True,
        ) as carrying,
    ):  # fmt: skip
        bench.broker.wait_for(lambda: len(bench.broker.clients) == 1, LATE_S_MAX)
        if cut:
            time.sleep(device_peers.SETTLED_S)
        began_s = time.monotonic()
        if cut:
            bench.broker.cut()
        carrying.result()
        return int((time.monotonic() - began_s) * 1_000)


def _resumed_ms(folder: Path) -> int:
    """Return the longest pause from an acknowledgement to the next, over ten cut connections."""
    with _bench(folder, Faults(seed=2, cut=0.05)) as bench:
        done = one_vm.run(bench, "carry", ports=[bench.broker.port], losses=10)
    return int(done["longest_ms"])
