"""What the firmware holds of the heap of a VM: imported, connected, and after thousands of samples.

The program runs out of mapped flash, as on a board that has a partition for it. The figures are
the driver `chip`'s own readings from a running board, as they arrived at the broker, less what the
stand-ins take. Garbage comes and goes: the least of many readings is what is held.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.vms import Vm
from tests.firmware import vm
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tidectl.firmware_image import compile_folder, program_files, romfs_of
from tidewire import decode

SAMPLES = 1_000  # between two looks at the heap
FRESH = slice(60, 180)  # samples of the second and the third batch: connected, little seen yet
# Two measurements at their full batches of 60; `chip` reads the heap.
BOARD: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 10},
        {"name": "health", "driver": "chip", "period_ms": 10},
    ],
    "batch": {"age_ms_max": 10_000},
}
SCRIPT = Path(vm.__file__).with_name("device_run.py")
_STAND_INS = Path(vm.__file__).parent / "sim" / "heap_run.py"


@dataclass(frozen=True, slots=True)
class Heap:
    """Bytes of a board's heap."""

    imported_bytes: int
    connected_bytes: int
    steady_bytes: int
    growth_bytes: int  # over SAMPLES


def heap_on(which: Vm, folder: Path) -> Heap:
    """Run the whole agent on `which`, with the heap of the tests; uses `folder`."""
    folder.mkdir()
    imported_bytes = _imported_bytes(which, folder / "program")
    used = _readings(which, folder)
    stand_ins = romfs_of(compile_folder(which.stand_ins))
    beside_bytes = sum(_run(which, _STAND_INS, "bme280", rom=stand_ins))
    early, late = min(used[SAMPLES : 2 * SAMPLES]), min(used[2 * SAMPLES : 3 * SAMPLES])
    return Heap(imported_bytes, min(used[FRESH]) - beside_bytes, late - beside_bytes, late - early)


def _run(which: Vm, script: Path, *arguments: str, rom: Path) -> Any:
    return vm.run(script, *arguments, rom=rom, modules=which.modules, micropython=which.program)


def _imported_bytes(which: Vm, folder: Path) -> int:
    for name, data in program_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return int(_run(which, SCRIPT, "import_bytes", rom=romfs_of(folder)))


def _readings(which: Vm, folder: Path) -> list[int]:
    with Bench(folder) as bench:
        bench.broker.resume()
        board = bench.board(micropython=which.program, stand_ins=which.stand_ins, **BOARD)
        board.wait_for(lambda stats: stats.acknowledged >= 2 * 3 * SAMPLES, LATE_S_MAX + 60)
        bench.end(board)
        return [
            value
            for batch in (decode(publish.payload) for publish in bench.broker.received)
            for column in batch.columns
            if column.name == "heap_used_bytes"
            for value in column.values
        ]
