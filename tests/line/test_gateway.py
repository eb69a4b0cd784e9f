"""A gateway on the line: from its outbox, past faults, to the store; then the audit."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from tests.line.line import Line, wait_until
from tidectl.gateway_list import GatewayList
from tidectl.query_api import QueryApi
from tidegate.kinesis.client import InThread, KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import Producer
from tidegate.outbox import Outbox, OutboxSettings
from tidegate.segment_log import Sync
from tidegate.stream import Stream
from tidegate.uplink import OutboxSource, SystemClock, Uplink

SAMPLES = 600
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
TANK = Stream("harbour", "gw-1", "tank", ("level_m", "pump_on", "mode"))
PRESS = Stream("harbour", "gw-1:press", "press", ("force_kn",))
STRANGER = Stream("harbour", "board-7", "climate", ("temperature_c",))


def uplink_of(line: Line, outbox: Outbox) -> Uplink:
    target = line.target
    assert target.local
    client = KinesisClient(
        stream=target.stack_outputs()["StreamName"],
        region=target.local.region,
        credentials=CredentialSource(KEYS, time.time),
        endpoint_url=target.local.http_url,
    )

    def make(**told: Any) -> Producer:
        return Producer(
            client=InThread(client), partition_key="gw-1", clock=SystemClock(),
            dice=random.Random(1), **told,
        )  # fmt: skip

    return Uplink(
        sources=[OutboxSource(outbox.batches, "kinesis")],
        make_producer=make,
        keep_refused=lambda _, why: fail(why),
    )


def fail(why: str) -> None:
    raise AssertionError(why)


def append(outbox: Outbox, first: int, count: int) -> None:
    start_ms = time.time_ns() // 1_000_000 - 3_600_000
    for number in range(first, first + count):
        at_ms = start_ms + number * 1_000
        outbox.append(TANK, at_ms, (number / 100, number % 2 == 0, "auto"))
        outbox.append(PRESS, at_ms, (number * 1.5,))


def test_a_gateways_samples_reach_the_store_and_the_audit_is_clean(
    line: Line, tmp_path: Path
) -> None:
    GatewayList(line.target).allow("gw-1")
    settings = OutboxSettings(sync=Sync.BATCH)
    outbox = Outbox(tmp_path / "outbox", settings)
    append(outbox, 0, SAMPLES // 2)
    asyncio.run(drain(line, outbox))
    append(outbox, SAMPLES // 2, SAMPLES // 4)
    outbox.close()  # with samples that are in no batch yet
    outbox = Outbox(tmp_path / "outbox", settings)
    append(outbox, SAMPLES // 4 * 3, SAMPLES // 4)
    outbox.append(STRANGER, time.time_ns() // 1_000_000, (21.5,))  # not the gateway's to say
    asyncio.run(drain(line, outbox))
    line.restart_cloud(kill=True)
    asyncio.run(drain(line, outbox))
    outbox.close()

    expected = {"gw-1": SAMPLES, "gw-1:press": SAMPLES}
    wait_until("all is stored", lambda: line.ledger_samples() == expected, within_s=30.0)
    verdict = line.audit()
    assert (verdict["lost"], verdict["duplicated"]) == (0, 0)
    assert verdict["set_aside_by_reason"] == {"identity": 1}
    api = QueryApi(line.target)
    rows = api.ask("SELECT level_m, pump_on, mode FROM tank WHERE thing = 'gw-1' ORDER BY time")
    assert [list(row) for row in rows.rows] == [
        [number / 100, number % 2 == 0, "auto"] for number in range(SAMPLES)
    ]


async def drain(line: Line, outbox: Outbox) -> None:
    outbox.maintain(flush=True)
    outbox.batches.log.sync()
    await uplink_of(line, outbox).drain()
