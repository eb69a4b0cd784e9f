"""Deploy to one device by ssh, with the command line that its nucleus has.

Flow: package ~tar, ssh~> device -> greengrass-cli | ggl-cli -> state of each component
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidectl.errors import TidectlError
from tidectl.gateway.device_facts import CLASSIC_CLI
from tidectl.gateway.device_shell import DeviceShell
from tidectl.gateway.package import Package, set_defaults

REMOTE_FOLDER = "/tmp/tidegauge-deployment"  # noqa: S108  made anew for each deployment, by one user
WAIT_S_MAX = 900.0
LOG_LINES = 20
# Lite looks for a deployment every 5 s, and takes 16 to 17 s to the end.
SAME_START_S = 30.0
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CLASSIC_ENDS = ("SUCCEEDED", "FAILED", "CANCELED", "REJECTED")

Tell = Callable[[str], None]


def classic_command(
    packages: Sequence[Package],
    configuration: Mapping[str, Any],
    *,
    folder: str = REMOTE_FOLDER,
    roll_back: bool = True,
) -> list[str]:
    """Return the words of `greengrass-cli deployment create`."""
    words = ["sudo", "-n", CLASSIC_CLI, "deployment", "create"]
    words += ["--recipeDir", f"{folder}/recipes", "--artifactDir", f"{folder}/artifacts"]
    for package in packages:
        words += ["--merge", f"{package.name}={package.version}"]
    if configuration:
        updates = {name: {"MERGE": value} for name, value in configuration.items()}
        words += ["--update-config", json.dumps(updates, separators=(",", ":"))]
    return [*words, "--failure-handling-policy", "ROLLBACK" if roll_back else "DO_NOTHING"]


def lite_command(packages: Sequence[Package], *, folder: str = REMOTE_FOLDER) -> list[str]:
    """Return the words of `ggl-cli deploy`."""
    words = ["sudo", "-n", "ggl-cli", "deploy"]
    words += ["--recipe-dir", f"{folder}/recipes", "--artifacts-dir", f"{folder}/artifacts"]
    for package in packages:
        words += ["--add-component", f"{package.name}={package.version}"]
    return words


class DeviceRoute:
    """One device with one nucleus; `tell` hears of each step."""

    def __init__(
        self, shell: DeviceShell, nucleus: str, tell: Tell, *, poll_s: float = 2.0
    ) -> None:
        self._shell, self._nucleus, self._tell, self._poll_s = shell, nucleus, tell, poll_s

    def deploy(
        self,
        packages: Sequence[Package],
        configuration: Mapping[str, Any],
        *,
        roll_back: bool = True,
    ) -> dict[str, str]:
        """Deploy and return the state of each component; raises `TidectlError` with its log."""
        if self._nucleus == "lite" and configuration:
            # It takes none with a local deployment, but for the defaults of what it deploys.
            for package in packages:
                set_defaults(package, configuration.get(package.name, {}))
            self._tell("settings go into the recipes' defaults: what the device has set stays")
        self._tell(f"copying {sum(package.bytes for package in packages) / 1e6:.1f} MB")
        self._shell.copy(packages[0].build, REMOTE_FOLDER)
        self._tell(f"deploying {len(packages)} components")
        if self._nucleus == "classic":
            return self._classic(packages, configuration, roll_back)
        return self._lite(packages)

    def log(self, component: str, lines: int = LOG_LINES) -> str:
        """Return a component's last lines."""
        if self._nucleus == "lite":
            unit = f"ggl.{component}.service"
            words = ["sudo", "-n", "journalctl", "--no-pager", "-u", unit, "-n", str(lines)]
        else:
            path = f"/greengrass/v2/logs/{component}.log"
            words = ["sudo", "-n", "tail", "-n", str(lines), path]
        return self._shell.run(words).out.rstrip()

    def _classic(
        self, packages: Sequence[Package], configuration: Mapping[str, Any], roll_back: bool
    ) -> dict[str, str]:
        words = classic_command(packages, configuration, roll_back=roll_back)
        done = self._shell.run(words)
        match = _ID.search(done.out)
        if done.code or match is None:
            raise TidectlError(
                f"greengrass-cli refuses: {done.reason}",
                "see /greengrass/v2/logs/greengrass.log on the device",
            )
        status_words = ["sudo", "-n", CLASSIC_CLI, "deployment", "status", "-i", match[0]]

        def state() -> str | None:
            text = self._shell.run(status_words).out
            self._tell(text.strip().splitlines()[-1] if text.strip() else "no status yet")
            return next((end for end in _CLASSIC_ENDS if end in text), None)

        end = self._until(state, "the deployment")
        if end != "SUCCEEDED":
            raise self._failed(packages, f"the deployment is {end}")
        return {package.name: end for package in packages}

    def _lite(self, packages: Sequence[Package]) -> dict[str, str]:
        before = {package.name: self._unit(package.name)["start"] for package in packages}
        done = self._shell.run(lite_command(packages))
        if done.code:
            raise TidectlError(
                f"ggl-cli refuses: {done.reason}",
                "after some 20 local deployments lite refuses all: then reset its state, or use "
                "--cloud",
            )
        began_s = time.monotonic()
        states = {}
        for package in packages:

            def state(name: str = package.name) -> str | None:
                unit = self._unit(name)
                if unit["active"] == "failed":
                    return "BROKEN"
                new = unit["start"] != before[name]
                new |= time.monotonic() - began_s > SAME_START_S  # nothing had to be restarted
                if new and unit["active"] == "active":
                    return "RUNNING"
                over = unit["active"] == "inactive" and unit["result"] == "success"
                return "FINISHED" if new and over and unit["start"] not in ("", "0") else None

            states[package.name] = self._until(state, package.name)
            self._tell(f"{package.name} is {states[package.name]}")
        if "BROKEN" in states.values():
            raise self._failed(packages, "a component is BROKEN")
        return states

    def _unit(self, component: str) -> dict[str, str]:
        names = "ActiveState,Result,ExecMainStartTimestampMonotonic"
        words = ["systemctl", "show", "-p", names, f"ggl.{component}.service"]
        pairs = (line.partition("=") for line in self._shell.run(words).out.splitlines())
        found = {name: value.strip() for name, _, value in pairs}
        return {
            "active": found.get("ActiveState", ""),
            "result": found.get("Result", ""),
            "start": found.get("ExecMainStartTimestampMonotonic", ""),
        }

    def _until(self, state: Callable[[], str | None], what: str) -> str:
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline:
            found = state()
            if found:
                return found
            time.sleep(self._poll_s)
        raise TidectlError(f"{what} is not done after {WAIT_S_MAX:.0f} s", "see the device's logs")

    def _failed(self, packages: Sequence[Package], reason: str) -> TidectlError:
        for package in packages:
            for line in self.log(package.name).splitlines():
                self._tell(f"{package.name}: {line}")
        return TidectlError(f"{self._shell.host}: {reason}", "the lines above are its components'")
