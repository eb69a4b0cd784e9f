"""Where the programs of installed packages are: beside this Python, else on the PATH."""

import shutil
import sys
from pathlib import Path


def find_program(name: str) -> Path | None:
    """Return the program `name`, or None."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    return Path(found) if found else None
