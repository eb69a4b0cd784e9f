"""Other MQTT clients for MicroPython, on the same VM, heap, broker and mutual TLS.

They are the packages that the package index has, each as it was published. Those written for an
older MicroPython get its `ussl`, and mqtt_async, which has no TLS, a connection that does.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.peers import PEERS
from tests.bench.source_archive import unpack
from tests.bench.vms import Vm
from tests.firmware import vm
from tests.firmware.lib.tidenode import one_vm
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import Faults
from tidectl.firmware_image import compiled_text, romfs_of

SCRIPT = Path(vm.__file__).with_name("peer_run.py")
SETTLED_S = 0.3  # after the broker has greeted


@dataclass(frozen=True, slots=True)
class Peer:
    """A client: its class in `peer_run.py`, and its archive."""

    title: str
    key: str
    client: str
    package: str
    sha256: str
    version: str
    publishes: int  # at no delay; at a round trip a tenth, at the least 50
    window: int

    @property
    def archive(self) -> str:
        """Return the name of the archive's file, and of its folder."""
        return f"{self.package}-{self.version}"


PEERS_OF_BOARDS = [
    Peer(
        "umqtt.simple", "umqtt_simple", "Simple", "micropython-umqtt.simple",
        "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f", "1.3.4", 2_000, 1,
    ),
    Peer(
        "umqtt.simple2", "umqtt_simple2", "Simple2", "micropython-umqtt.simple2",
        "48fd4da7701b95986293b06d343fbc564ebe7dfa82f5c8c09364c20df755f0e4", "2.2.0", 2_000, 16,
    ),
    Peer(
        "mqtt_async", "mqtt_async", "Async", "micropython-mqtt-async",
        "c10a8a34064adad629f71f7ea559f7070169ce13c180265509f68f58618eec2b", "0.7b4", 2_000, 16,
    ),
]  # fmt: skip


def rom_of(peer: Peer) -> Path:
    """Return a ROMFS with the client's bytecode; raises `PeerMissingError`."""
    source = PEERS / peer.archive
    if not source.exists():
        unpack(peer.package, f"{peer.archive}.tar.gz", peer.sha256, PEERS)
    code = PEERS / f"{peer.archive}-bytecode"
    for path in source.rglob("*.py"):
        target = code / path.relative_to(source).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        name = target.relative_to(code).with_suffix("").as_posix().replace("/", ".")
        target.write_bytes(compiled_text(path.read_text(), name))
    return romfs_of(code)


def carried(peer: Peer, which: Vm, folder: Path, round_trip_s: float) -> dict[str, int]:
    """Return rate and heaps of publishes one after another."""
    count = max(50, peer.publishes // 10) if round_trip_s else peer.publishes
    with _bench(folder, Faults(puback_delay_s=round_trip_s)) as bench:
        return dict(_run(peer, which, bench, "carry", count))


def closed_ms(peer: Peer, which: Vm, folder: Path) -> int | None:
    """Return how late a closed socket is noticed on an idle link; None for never."""
    return _noticed_ms(peer, which, folder, Faults(), cut=True)


def silent_ms(peer: Peer, which: Vm, folder: Path) -> int | None:
    """Return how late a peer that answers no ping is noticed; None for never."""
    return _noticed_ms(peer, which, folder, Faults(answer_pings=False), cut=False)


def json_samples(which: Vm) -> tuple[int, float]:
    """Return samples a second and bytes a sample, each sample a message of JSON."""
    rate, size = _vm_run(which, "json")
    return int(rate), float(size)


def _noticed_ms(peer: Peer, which: Vm, folder: Path, faults: Faults, *, cut: bool) -> int | None:
    with _bench(folder, faults) as bench, ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, peer, which, bench, "notice")
        bench.broker.wait_for(lambda: len(bench.broker.clients) == 1, LATE_S_MAX)
        if cut:
            time.sleep(SETTLED_S)
        began_ns = time.time_ns()
        if cut:
            bench.broker.cut()
        ended_ns = running.result()
    return None if ended_ns is None else (ended_ns - began_ns) // 1_000_000


def _bench(folder: Path, faults: Faults) -> Bench:
    folder.mkdir(parents=True)
    bench = Bench(folder)
    bench.broker.misbehave(faults)
    bench.broker.resume()
    one_vm.save_identity(bench)
    return bench


def _run(peer: Peer, which: Vm, bench: Bench, case: str, count: int = 0) -> Any:
    arguments = (case, peer.client, str(bench.folder), str(bench.broker.port), str(count))
    return _vm_run(which, *arguments, rom=rom_of(peer))


def _vm_run(which: Vm, *arguments: str, rom: Path | None = None) -> Any:
    return vm.run(SCRIPT, *arguments, rom=rom, modules=which.modules, micropython=which.program)
