"""Where MicroPython's unix port is on this machine."""

import shutil
import sys
from pathlib import Path


def find_micropython() -> Path | None:
    """Return the program: the one installed beside this Python, else the PATH's."""
    beside = Path(sys.executable).parent / "micropython"
    if beside.exists():
        return beside
    found = shutil.which("micropython")
    return Path(found) if found else None
