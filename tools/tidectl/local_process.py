"""Start, find and end the local cloud, which runs in a process of its own.

`tidelocal` writes local.json when it is ready and keeps a lock while it lives; this file reads
the one and never touches the other.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from tidectl.errors import TidectlError
from tidectl.home import Home

HTTP_PORT, MQTT_PORT, STORE_PORT = 4566, 8883, 8181
START_S_MAX = 60.0  # a cold disk cache on a slow machine
END_S_MAX = 20.0  # it ends its functions, closes the database
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What a running local cloud says of itself in local.json."""

    pid: int
    http_url: str
    mqtt_host: str
    mqtt_port: int
    store_url: str
    ca_path: str
    region: str
    account: str
    device_url: str = ""  # of one that was started by an older tidelocal

    @property
    def http_port(self) -> int:
        """The port of the AWS APIs."""
        return int(self.http_url.rpartition(":")[2])

    @property
    def store_port(self) -> int:
        """The port of the time-series store."""
        return int(self.store_url.rpartition(":")[2])


class LocalProcess:
    """The local cloud whose state is in `home`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def facts(self) -> LocalFacts | None:
        """Return what the running local cloud says, or None when none is running."""
        try:
            document = json.loads((self._home.local_state / "local.json").read_bytes())
            names = {field.name for field in fields(LocalFacts)} & document.keys()
            facts = LocalFacts(**{name: document[name] for name in names})
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return facts if _is_local_cloud(facts.pid) else None  # else a killed one left the file

    def start(
        self,
        *,
        http_port: int = HTTP_PORT,
        mqtt_port: int = MQTT_PORT,
        store_port: int = STORE_PORT,
    ) -> LocalFacts:
        """Return when it is ready; port 0 takes a free one. Raises `TidectlError`."""
        if (facts := self.facts()) is not None:
            return facts
        self._home.make(self._home.local_state)
        command = [sys.executable, "-m", "tidelocal", "--state", str(self._home.local_state)]
        command += ["--http-port", str(http_port), "--mqtt-port", str(mqtt_port)]
        command += ["--store-port", str(store_port)]
        log_path = self._home.local_log
        fd = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "ab") as log:
            start_bytes = log.tell()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it outlives this command and its terminal
            )
        return self._wait_until_ready(process, log_path, start_bytes)

    def stop(self) -> bool:
        """End it and return True, or False when none is running. Raises `TidectlError`."""
        facts = self.facts()
        if facts is None:
            return False
        process = psutil.Process(facts.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S_MAX)
        except psutil.TimeoutExpired:
            raise TidectlError(
                f"the local cloud (process {facts.pid}) still runs after {END_S_MAX:.0f} s",
                f"see {self._home.local_log}",
            ) from None
        return True

    def _wait_until_ready(
        self, process: subprocess.Popen[bytes], log_path: Path, start_bytes: int
    ) -> LocalFacts:
        deadline = time.monotonic() + START_S_MAX
        try:
            while time.monotonic() < deadline:
                facts = self.facts()
                if facts and facts.pid == process.pid:
                    return facts
                if process.poll() is not None:
                    raise _ended_at_once(log_path, start_bytes)
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            process.terminate()
            raise
        process.terminate()
        raise TidectlError(
            f"the local cloud was not ready within {START_S_MAX:.0f} s", f"see {log_path}"
        )


def _ended_at_once(log_path: Path, start_bytes: int) -> TidectlError:
    with log_path.open("rb") as log:
        log.seek(start_bytes)
        lines = log.read().decode(errors="replace").strip().splitlines()
    reason = lines[-1].removeprefix("tidelocal: ") if lines else "it ended at once"
    hint = f"see {log_path}"
    if "in use" in reason and "port" in reason:
        hint = "free it, or take any free ports: tidectl up --http-port 0 --mqtt-port 0 ..."
    return TidectlError(f"the local cloud can't start: {reason}", hint)


def _is_local_cloud(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return "tidelocal" in process.cmdline()
    except psutil.Error:
        return False
