"""The board's VM for tests: MicroPython on a board's heap, the firmware compiled as it ships."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tidectl.firmware_image import FIRMWARE, compiled
from tidectl.simulated_board import mapped_flash

MICROPYTHON = Path(sys.executable).parent / "micropython"
HEAP_BYTES = 110 * 1024
_RUN_S_MAX = 100.0


def run(
    script: Path,
    *arguments: str,
    heap_bytes: int = HEAP_BYTES,
    modules: Path | None = None,
    rom: Path | None = None,
    micropython: Path = MICROPYTHON,
) -> Any:
    """Return the JSON that `script` prints last; an exception in it fails with its traceback.

    `modules` is a folder in the place of the `library`. Of a ROMFS `rom` the path stands in
    TIDEGAUGE_ROM, and there is mapped flash for it.
    """
    lib = str(modules or library().name)
    done = subprocess.run(
        [micropython, "-X", f"heapsize={heap_bytes}", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RUN_S_MAX,
        env={"MICROPYPATH": f"{lib}:.frozen", "HOME": lib} | _environment_of(rom),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _environment_of(rom: Path | None) -> dict[str, str]:
    return {"TIDEGAUGE_ROM": str(rom)} | mapped_flash(rom.stat().st_size) if rom else {}


@cache
def library() -> TemporaryDirectory[str]:
    """Return a folder with the firmware's packages and stand-ins, bytecode only."""
    folder = TemporaryDirectory(prefix="tidegauge-lib")
    for root in (FIRMWARE / "lib", FIRMWARE / "sim"):
        for source in root.rglob("*.py"):
            path = source.relative_to(root).with_suffix("")
            target = Path(folder.name, f"{path}.mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(compiled(source, path.as_posix().replace("/", ".")))
    for name in ("romfs", "slots"):
        Path(folder.name, f"{name}.mpy").write_bytes(compiled(FIRMWARE / f"{name}.py", name))
    return folder
