"""The component as it runs on a gateway: a process of its own, to be measured and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[4]
MAIN = ROOT / "greengrass_components" / "stream_manager" / "main.py"
START_S_MAX = 30.0


class ManagerProcess:
    """`stream_manager/main.py` in `folder` on a free port; start it again after its end."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] = {}) -> None:
        self.folder, self._options = folder, options
        self._environment = {"MALLOC_ARENA_MAX": "1", **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self.kill()

    @property
    def token(self) -> str:
        """The token in its file."""
        return (self.folder / "token").read_text()

    def start(self) -> None:
        """Start it, and return once it listens."""
        facts = self.folder / "facts.json"
        facts.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, MAIN, "--port", "0", "--facts", "facts.json", *self._options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        deadline = time.monotonic() + START_S_MAX
        while not facts.exists():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        self.port = json.loads(facts.read_bytes())["port"]

    def kill(self) -> None:
        """End it with SIGKILL: no line of its code runs any more."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    def stop(self, within_s: float = 20) -> int:
        """End it with SIGTERM and return its exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within_s)

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder / "log").read_text()

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Return what it holds of memory now; `VmHWM` is the most it ever held."""
        assert self._process
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1_024
        raise AssertionError(what)

    def processor_s(self) -> float:
        """Return the processor time that it has used."""
        assert self._process
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
