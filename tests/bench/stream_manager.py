"""The light stream manager as a process: appends a second, memory, and what kills cost.

The pipelined client and AWS's SDK append to the same server, one after the other, and it exports
to a Kinesis endpoint on loopback; its memory counts to the end of that. Then it is killed 200
times at random moments and audited by sequence number.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from rich.table import Table

import stream_manager as sdk
from tests.bench.figures import Figures
from tests.greengrass_components.tidegate.kinesis.endpoint import Endpoint
from tests.greengrass_components.tidegate.streams.kill_audit import KillAudit
from tests.greengrass_components.tidegate.streams.manager_process import ManagerProcess
from tidegate.streams import StreamClient

PAYLOAD = bytes(range(200))
BATCH = 2_000
ROUNDS = 15  # short ones, of which the best counts: the machine is not ours alone
ROUND_APPENDS = 20_000
SDK_APPENDS = 5_000
EXPORTS = 50_000
KILLS = int(os.environ.get("TIDEGAUGE_KILLS", "200"))
SEED = 20_261_125


def run() -> Figures:
    """Measure rates and memory, then kill."""
    table = Table(title="stream manager: 200-byte messages, file stream", title_justify="left")
    for column in ("client", "appends/s", "server's CPU s/M", "server's memory, MB"):
        table.add_column(column, justify="left" if column == "client" else "right")
    with (
        tempfile.TemporaryDirectory() as folder,
        Endpoint() as kinesis,
        ManagerProcess(Path(folder), environment=_environment(kinesis)) as manager,
    ):
        idle_mb = manager.memory_mb()
        began_s, ours_began_s = manager.processor_s(), time.process_time()
        rate = asyncio.run(_pipelined_rate(manager))
        ours_s = (time.process_time() - ours_began_s) / (ROUNDS * ROUND_APPENDS) * 1e6
        cpu_s = (manager.processor_s() - began_s) / (ROUNDS * ROUND_APPENDS) * 1e6
        mb = manager.memory_mb("VmHWM")
        table.add_row("pipelined, ours", f"{rate:,.0f}", f"{cpu_s:.1f}", f"{mb:.1f} at most")
        began_s = manager.processor_s()
        export_rate = asyncio.run(_export_rate(manager, kinesis))
        export_cpu_s = (manager.processor_s() - began_s) / EXPORTS * 1e6
        mb = manager.memory_mb("VmHWM")
        table.add_row(
            "... exported to Kinesis",
            f"{export_rate:,.0f}",
            f"{export_cpu_s:.1f}",
            f"{mb:.1f} at most",
        )
        began_s = manager.processor_s()
        sdk_rate = _sdk_rate(manager)
        sdk_cpu_s = (manager.processor_s() - began_s) / SDK_APPENDS * 1e6
        table.add_row(
            "AWS's SDK 1.1.2", f"{sdk_rate:,.0f}", f"{sdk_cpu_s:.1f}", f"{manager.memory_mb():.1f}"
        )
        table.add_row("none: idle", "", "", f"{idle_mb:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        tally = KillAudit(Path(folder), SEED).run(KILLS)
    table.add_section()
    table.add_row(
        f"{tally.kills} kills, {tally.acknowledged:,} acknowledged",
        f"{tally.lost} lost", f"{tally.doubled} doubled", f"{tally.stored:,} stored",
    )  # fmt: skip
    return Figures(
        table,
        {
            "appends_per_s": round(rate),
            # Of client and server together: what a busy machine does not change much.
            "appends_per_cpu_s": round(1e6 / (cpu_s + ours_s)),
            "stream_exports_per_s": round(export_rate),
            "sdk_appends_per_s": round(sdk_rate),
            "rss_mb": round(mb, 1),
            "rss_idle_mb": round(idle_mb, 1),
            "kills": tally.kills,
            "kill_acknowledged": tally.acknowledged,
            "kill_lost": tally.lost,
            "kill_doubled": tally.doubled,
        },
    )


async def _pipelined_rate(manager: ManagerProcess) -> float:
    best = 0.0
    async with await StreamClient.connect(port=manager.port, token=manager.token) as client:
        await client.create({"name": "bench", "strategyOnFull": 1, "maxSize": 64 << 20})
        for _ in range(ROUNDS):
            began_s = time.perf_counter()
            for _ in range(ROUND_APPENDS // BATCH):
                await client.append_many("bench", [PAYLOAD] * BATCH)
            best = max(best, ROUND_APPENDS / (time.perf_counter() - began_s))
    return best


async def _export_rate(manager: ManagerProcess, kinesis: Endpoint) -> float:
    export = {"identifier": "k", "kinesisStreamName": "bench"}
    definition = {"name": "e", "strategyOnFull": 0, "exportDefinition": {"kinesis": [export]}}
    async with await StreamClient.connect(port=manager.port, token=manager.token) as client:
        await client.create(definition)
        began_s = time.perf_counter()
        await client.append_many("e", [PAYLOAD] * EXPORTS)
        while len(kinesis.taken) < EXPORTS:
            await asyncio.sleep(0.01)
        return EXPORTS / (time.perf_counter() - began_s)


def _environment(kinesis: Endpoint) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_KINESIS": kinesis.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _sdk_rate(manager: ManagerProcess) -> float:
    os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = manager.token
    client = sdk.StreamManagerClient(port=manager.port)
    try:
        began_s = time.perf_counter()
        for _ in range(SDK_APPENDS):
            client.append_message("bench", PAYLOAD)
        return SDK_APPENDS / (time.perf_counter() - began_s)
    finally:
        client.close()
        del os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
