"""Where MicroPython's unix port is on this machine."""

from pathlib import Path

from tidectl.program import find_program


def find_micropython() -> Path | None:
    """Return the program: the one installed beside this Python, else the PATH's."""
    return find_program("micropython")
