"""Where programs are looked for."""

import sys
from pathlib import Path

import pytest

from tidectl.program import find_program


def test_the_one_beside_this_python_comes_first() -> None:
    assert find_program("esptool") == Path(sys.executable).parent / "esptool"


def test_else_the_path_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("tide-tool") is None
    program = tmp_path / "tide-tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_program("tide-tool") == program
