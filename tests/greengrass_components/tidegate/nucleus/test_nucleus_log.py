"""The log of the nucleus itself: bounded on the disk, with all that its process writes."""

import subprocess
import sys
from pathlib import Path

from tidegate.nucleus.nucleus_log import TURNED_OVER_FILES

# In a process of its own, whose standard output and error it takes.
_PROGRAM = """
import logging, os, sys
from pathlib import Path
from tidegate.nucleus.nucleus_log import NucleusLog
logging.basicConfig(level="INFO", handlers=[NucleusLog(Path(sys.argv[1]), bytes_max=2_000)])
for number in range(400):
    logging.info("line %d", number)
print("printed at the end")
raise RuntimeError("a traceback")
"""


def test_the_log_is_turned_over_and_the_output_goes_along(tmp_path: Path) -> None:
    path = tmp_path / "nucleus.log"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    files = [path, *(path.with_name(f"nucleus.log.{n + 1}") for n in range(TURNED_OVER_FILES))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)
    assert all(one.stat().st_size <= 2_000 for one in files[1:])
    now = path.read_text()
    assert "line 399" in now
    assert "printed at the end" in now
    assert "RuntimeError: a traceback" in now


def test_a_log_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tidegate.nucleus", "--root", str(tmp_path), "--log", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("nucleus: the log can't be written")
