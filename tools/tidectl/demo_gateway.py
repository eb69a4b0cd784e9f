"""The demo's gateway: a simulated plant, and components that read it by Modbus and OPC UA.

Flow: plant -> modbus_adapter, opcua_adapter -> kinesis_uplink -> local cloud
The plant is `tidectl gateway sim plant` in a process of its own, the gateway what `tidectl gateway
up` starts; whatever this starts it ends.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from tidectl.errors import TidectlError
from tidectl.gateway.core_device import core_device
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.home import Home

GATEWAY = "demo-gateway"
COMPONENTS = ("opcua_adapter", "modbus_adapter", "kinesis_uplink")
BATCH_AGE_MS = 2_000  # as the boards of the demo: who watches wants to see what comes
SPEED = 10  # the plant's time against the time of day, so that something moves while one watches
_CONNECTION = "plant"  # as the components' own tag maps name it
_END_S_MAX = 10.0


class DemoGateway:
    """Runs while entered; raises `TidectlError` when it can't start."""

    def __init__(self, home: Home, site: str, doing: Callable[[str], None]) -> None:
        self._home, self._site, self._doing = home, site, doing
        self._plant: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _start(self) -> None:
        self._doing("starting the simulated plant")
        plant = self._plant = subprocess.Popen(
            self._command("gateway", "sim", "plant", "--speed", str(SPEED), "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = plant.stdout.readline() if plant.stdout else ""
        try:
            where: dict[str, dict[str, Any]] = json.loads(line)
        except ValueError:
            raise TidectlError(
                "the simulated plant can't start", "tidectl gateway sim plant"
            ) from None
        self._doing(f"starting {GATEWAY}: a nucleus and {len(COMPONENTS)} components")
        self._run(
            "gateway", "up", *COMPONENTS, "--thing", GATEWAY, "--site", self._site, "--no-wait"
        )
        self._doing("telling the gateway where the plant is")
        for component, kind in (("opcua_adapter", "opcua"), ("modbus_adapter", "modbus")):
            url = f"connections.{_CONNECTION}.url={where[kind]['url']}"
            self._run("gateway", "config", component, "--thing", GATEWAY, "--set", url,
                      "--set", f"outbox.batch_age_ms={BATCH_AGE_MS}")  # fmt: skip

    def _end(self) -> None:
        root = core_device(self._home, GATEWAY).nucleus_root
        if root.exists():
            self._doing("ending the gateway; it keeps what it could not send")
            LocalNucleus(root).stop()
        plant, self._plant = self._plant, None
        if plant:
            plant.terminate()
            try:
                plant.wait(_END_S_MAX)
            except subprocess.TimeoutExpired:
                plant.kill()
                plant.wait()
            if plant.stdout:
                plant.stdout.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tidectl", "--home", str(self._home.path), *arguments]

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            self._command(*arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it says nothing"]
            why = next((line for line in lines if line.startswith("error:")), lines[-1])
            raise TidectlError(
                f"{GATEWAY}: {why.removeprefix('error:').strip()}",
                f"tidectl gateway logs --thing {GATEWAY}",
            )
