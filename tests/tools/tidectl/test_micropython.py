"""Where MicroPython's unix port is looked for."""

import sys
from pathlib import Path

import pytest

from tidectl.micropython import find_micropython


def test_the_one_beside_this_python_comes_first() -> None:
    assert find_micropython() == Path(sys.executable).parent / "micropython"


def test_else_the_path_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_micropython() is None
    program = tmp_path / "bin" / "micropython"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_micropython() == program
