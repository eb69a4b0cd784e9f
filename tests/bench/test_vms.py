"""The VM of 32 bits is a board's as the other one is."""

import subprocess
from pathlib import Path

import pytest

from tests.bench.peers import PEERS
from tests.bench.vms import small_vm


@pytest.mark.skipif(not (PEERS / "micropython-i386").exists(), reason="never unpacked here")
def test_variables_stand_where_they_stood_for_the_mapped_flash_is_there(tmp_path: Path) -> None:
    program = small_vm(tmp_path).program
    names = ["Z_FIRST", "HOME", "B_SECOND", "PATH", "A_LAST"]
    script = "print(open('/proc/self/environ').read().replace('\\0', ' '))"
    done = subprocess.run(
        [program, "-c", script],
        env=dict.fromkeys(names, "x"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(" ".join(f"{name}=x" for name in names))
