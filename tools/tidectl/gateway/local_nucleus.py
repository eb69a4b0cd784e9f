"""The nucleus on this machine, in a process of its own, and the way to ask it.

It writes running.json when its socket is open; from then on everything goes by IPC, as
`aws.greengrass.Cli` does it on a device.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from tidectl.errors import TidectlError
from tidegate.ipc import ConnectionLostError, IpcClient, IpcError
from tidegate.nucleus.settings import Settings

START_S_MAX, END_S_MAX = 20.0, 60.0
DEPLOYMENT_S_MAX = 900.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class NucleusFacts:
    """What a running nucleus says of itself."""

    pid: int
    socket: str
    token: str
    nucleus: str
    thing: str


class LocalNucleus:
    """The nucleus whose files are in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def log_path(self) -> Path:
        """What it writes itself."""
        return self.root / "nucleus.log"

    def component_log(self, component: str) -> Path:
        """Return where a component's lines are."""
        return self.root / "logs" / f"{component}.log"

    def facts(self) -> NucleusFacts | None:
        """Return what the running nucleus says, or None when none is running."""
        try:
            document = json.loads((self.root / "running.json").read_bytes())
            names = {field.name for field in fields(NucleusFacts)}
            facts = NucleusFacts(**{name: document[name] for name in names})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return facts if _is_nucleus(facts.pid, self.root) else None

    def start(self, settings: Settings) -> NucleusFacts:
        """Return when it is ready; raises `TidectlError`. One that runs is left alone."""
        running = self.facts()
        if running is not None:
            return running
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.save()
        fd = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "ab") as log:
            begin_bytes = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "tidegate.nucleus", "--root", str(self.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it outlives this command and its terminal
            )
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            facts = self.facts()
            if facts and facts.pid == process.pid:
                return facts
            if process.poll() is not None:
                with self.log_path.open("rb") as log:
                    log.seek(begin_bytes)
                    lines = log.read().decode(errors="replace").strip().splitlines()
                reason = lines[-1].removeprefix("nucleus: ") if lines else "it ended at once"
                raise TidectlError(f"the nucleus can't start: {reason}", f"see {self.log_path}")
            time.sleep(_POLL_S)
        process.terminate()
        raise TidectlError(
            f"the nucleus was not ready within {START_S_MAX:.0f} s", f"see {self.log_path}"
        )

    def stop(self) -> bool:
        """End it with its components; False when none is running. Raises `TidectlError`."""
        facts = self.facts()
        if facts is None:
            return False
        process = psutil.Process(facts.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S_MAX)
        except psutil.TimeoutExpired:
            raise TidectlError(
                f"the nucleus (process {facts.pid}) still runs after {END_S_MAX:.0f} s",
                f"see {self.log_path}",
            ) from None
        return True

    def ask(self, operation: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply to one IPC operation; raises `TidectlError`."""
        facts = self.facts()
        if facts is None:
            raise TidectlError("no nucleus is running here", "start it: tidectl gateway up")

        async def ask() -> dict[str, Any]:
            async with IpcClient(facts.socket, facts.token) as client:
                return await client.call(operation, dict(document))

        try:
            return asyncio.run(ask())
        except ConnectionLostError as error:
            raise TidectlError(f"the nucleus hung up: {error}", f"see {self.log_path}") from error
        except IpcError as error:
            raise TidectlError(f"the nucleus refuses: {error}", f"see {self.log_path}") from error

    def components(self) -> list[dict[str, Any]]:
        """Return componentName, version, state, reason, pid and configuration of each."""
        return list(self.ask("ListComponents", {})["components"])

    def deploy(self, **request: Any) -> None:
        """Deploy and return once it is done; raises `TidectlError` with the reason."""
        deployment = self.ask("CreateLocalDeployment", request)["deploymentId"]
        deadline = time.monotonic() + DEPLOYMENT_S_MAX
        while time.monotonic() < deadline:
            answer = self.ask("GetLocalDeploymentStatus", {"deploymentId": deployment})
            status = answer["deployment"]["status"]
            if status == "SUCCEEDED":
                return
            if status == "FAILED":
                reason = answer["deployment"].get("reason", "")
                raise TidectlError(
                    f"the deployment failed: {reason}",
                    "it is as it was before; see tidectl gateway logs",
                )
            time.sleep(_POLL_S)
        raise TidectlError(
            f"the deployment is not done after {DEPLOYMENT_S_MAX:.0f} s", "tidectl gateway status"
        )


def _is_nucleus(pid: int, root: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = process.cmdline()
        return "tidegate.nucleus" in words and str(root) in words
    except psutil.Error:
        return False
