"""Start, find and end the local cloud, which runs in a process of its own.

`tidelocal` writes local.json when it is ready and keeps a lock while it lives; this file reads
the one and never touches the other.
"""

import json
import sys
from dataclasses import dataclass, fields

from tidectl.background_process import BackgroundProcess, end, runs
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
        return facts if runs(facts.pid, "tidelocal") else None  # else a killed one left the file

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
        process = BackgroundProcess(
            command, self._home.local_log, what="the local cloud", program="tidelocal"
        )

        def ready() -> LocalFacts | None:
            facts = self.facts()
            return facts if facts and facts.pid == process.pid else None

        return process.until_ready(ready, START_S_MAX, poll_s=_POLL_S, hint=self._hint)

    def stop(self) -> bool:
        """End it and return True, or False when none is running. Raises `TidectlError`."""
        facts = self.facts()
        if facts is None:
            return False
        end(facts.pid, END_S_MAX, what="the local cloud", log_path=self._home.local_log)
        return True

    def _hint(self, reason: str) -> str:
        if "in use" in reason and "port" in reason:
            return "free it, or take any free ports: tidectl up --http-port 0 --mqtt-port 0 ..."
        return f"see {self._home.local_log}"
