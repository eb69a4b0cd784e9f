"""The nucleus on this machine, in a process of its own, and the way to ask it.

It writes running.json when its socket is open; from then on everything goes by IPC, as
`aws.greengrass.Cli` does it on a device.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tidectl.background_process import BackgroundProcess, end, runs
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
        """What it writes itself; it turns the file over at `nucleus_log.BYTES_MAX`."""
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
        return facts if runs(facts.pid, "tidegate.nucleus", str(self.root)) else None

    def start(self, settings: Settings) -> NucleusFacts:
        """Return when it is ready; raises `TidectlError`. One that runs is left alone."""
        running = self.facts()
        if running is not None:
            return running
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.save()
        command = (sys.executable, "-m", "tidegate.nucleus")
        process = BackgroundProcess(
            [*command, "--root", str(self.root), "--log", str(self.log_path)],
            self.log_path,
            what="the nucleus",
            program="nucleus",
        )

        def ready() -> NucleusFacts | None:
            facts = self.facts()
            return facts if facts and facts.pid == process.pid else None

        return process.until_ready(ready, START_S_MAX, poll_s=_POLL_S)

    def stop(self) -> bool:
        """End it with its components; False when none is running. Raises `TidectlError`."""
        facts = self.facts()
        if facts is None:
            return False
        end(facts.pid, END_S_MAX, what="the nucleus", log_path=self.log_path)
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

    def iot_core_counts(self) -> dict[str, int]:
        """Return what went to IoT Core and came from it, and what was dropped on the way."""
        return dict(self.ask("ListComponents", {}).get("iotCore") or {})

    def deployed_names(self, names: Sequence[str]) -> list[str]:
        """Return the names that are deployed; raises `TidectlError` where one is not."""
        there = [one["componentName"] for one in self.components()]
        for name in names:
            if name not in there:
                raise TidectlError(
                    f"{name} is not deployed here", f"there are {', '.join(there) or 'none'}"
                )
        return list(dict.fromkeys(names))

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
