"""What a gateway's operator waits for: a package, its installation, a start, the first values.

And what a component's IPC takes: publishes a second of AWS's client and of ours, one after the
other, against the server of the nucleus on this machine.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.table import Table

from tests.bench.figures import Figures
from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tidectl.gateway.component_source import find_source
from tidectl.gateway.package import pack
from tidectl.gateway.wheel_house import Device
from tidectl.home import Home
from tidegate.ipc import IpcClient

COMPONENT = "modbus_adapter"
STARTED = "reading buses"
PUBLISHES = 2_000
START_S_MAX = 30.0
_OFFICIAL = """
import sys, time
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
from awsiot.greengrasscoreipc.model import BinaryMessage, PublishMessage
client = GreengrassCoreIPCClientV2()
message = PublishMessage(binary_message=BinaryMessage(message=bytes(100)))
count, began = int(sys.argv[1]), time.perf_counter()
for _ in range(count):
    client.publish_to_topic(topic="t", publish_message=message)
print(count / (time.perf_counter() - began))
"""


def run() -> Figures:
    """Measure once each: they are waits, not throughputs, except for the IPC."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench") as scratch:
        folder = Path(scratch)
        values = _installation(folder) | _first_values(folder / "up") | _ipc()
    table = Table(title="gateway", title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in values.items():
        table.add_row(name.removeprefix("gateway_"), f"{value:,.2f}")
    return Figures(table, dict(values))


def _installation(folder: Path) -> dict[str, float]:
    device = Device(os.uname().machine, f"{sys.version_info.major}.{sys.version_info.minor}")
    package = pack(find_source(COMPONENT), folder, Home(folder / "home"), [device])
    venv = folder / "work" / f"venv-{package.version}"
    command = [sys.executable, str(package.artifacts / "install.py")]
    command += ["--bundle", str(package.artifacts / f"{COMPONENT}.zip"), "--venv", str(venv)]
    times_s = []
    for _ in range(2):
        began_s = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times_s.append(time.perf_counter() - began_s)
    return {
        "gateway_bundle_mb": package.bytes / 1e6,
        "gateway_install_offline_s": times_s[0],
        "gateway_install_again_s": times_s[1],
        **_start(folder, venv),
    }


def _start(folder: Path, venv: Path) -> dict[str, float]:
    """Return how long the installed component takes until it reads, and of that the processor."""
    (folder / "settings.yaml").write_text("site: bench\n")
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [
            *(str(venv / "bin" / "python"), str(venv / "component" / "main.py")),
            *("--configuration", str(folder / "settings.yaml"), "--state", str(folder / "state")),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr or ():
            if STARTED in line:
                took_s = time.perf_counter() - began_s
                times = psutil.Process(process.pid).cpu_times()
                return {
                    "gateway_start_s": took_s,
                    "gateway_start_cpu_s": times.user + times.system,
                }
        raise RuntimeError(f"{COMPONENT} ended before it read anything")
    finally:
        process.kill()
        process.communicate()


def _first_values(home: Path) -> dict[str, float]:
    """Return how long it takes from nothing at all to values in the store."""
    tidectl = [sys.executable, "-m", "tidectl", "--home", str(home)]
    free = ("--http-port", "0", "--mqtt-port", "0", "--store-port", "0")
    began_s = time.perf_counter()
    try:
        subprocess.run([*tidectl, "up", *free], check=True, capture_output=True)
        cloud_s = time.perf_counter() - began_s
        done = subprocess.run(
            [*tidectl, "gateway", "up", "--json"], check=True, capture_output=True, text=True
        )
    finally:
        subprocess.run([*tidectl, "gateway", "down"], check=False, capture_output=True)
        subprocess.run([*tidectl, "down"], check=False, capture_output=True)
    document = json.loads(done.stdout.splitlines()[-1])
    return {
        "gateway_deployed_s": cloud_s + document["deployed_ms"] / 1000,
        "gateway_values_s": cloud_s + document["values_ms"] / 1000,
    }


def _ipc() -> dict[str, float]:
    with Desk() as desk:
        desk.nucleus.add("bench", "token", {"accessControl": GRANT_ALL})
        environment = {
            **os.environ,
            "SVCUID": "token",
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(desk.socket_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", _OFFICIAL, str(PUBLISHES)],
            check=True, capture_output=True, text=True, env=environment,
        )  # fmt: skip
        own, together = asyncio.run(_own(desk.socket_path))
    return {
        "ipc_publishes_per_s": own,
        "ipc_publishes_together_per_s": together,
        "ipc_awsiotsdk_publishes_per_s": float(done.stdout),
    }


async def _own(socket_path: Path) -> tuple[float, float]:
    async with IpcClient(socket_path, "token") as client:
        began_s = time.perf_counter()
        for _ in range(PUBLISHES):
            await client.publish("t", bytes(100))
        one_by_one = PUBLISHES / (time.perf_counter() - began_s)
        began_s = time.perf_counter()
        await asyncio.gather(*(client.publish("t", bytes(100)) for _ in range(PUBLISHES)))
        return one_by_one, PUBLISHES / (time.perf_counter() - began_s)
