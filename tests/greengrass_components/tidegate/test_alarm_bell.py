"""Alarms on the local bus of a real IPC server, and a nucleus that is not there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tidegate.alarm_bell import TOPIC, WAITING_MAX, AlarmBell
from tidegate.alarms import AlarmRule
from tidegate.group import Group
from tidegate.intake import Intake
from tidegate.ipc import IpcClient
from tidegate.outbox import Outbox
from tidegate.sample import Sample
from tidegate.tag import Tag

AT_MS = 1_790_000_000_000
RULE = AlarmRule("low", "level_m", low=1.0, severity="critical")
GROUP = Group(
    thing="gw-1:tank", measurement="tank", tags=(Tag(field="level_m", address="1"),), alarms=(RULE,)
)
WAIT_S = 10.0


def sample(value: float) -> Sample:
    return Sample(GROUP, AT_MS * 1_000_000, AT_MS * 1_000_000, (value,))


@in_loop
async def test_other_components_hear_of_an_alarm_at_once(tmp_path: Path) -> None:
    with Desk() as desk:
        desk.nucleus.add("adapter", "a", {"accessControl": GRANT_ALL})
        desk.nucleus.add("siren", "s", {"accessControl": GRANT_ALL})
        async with (
            IpcClient(desk.socket_path, "a") as adapter,
            IpcClient(desk.socket_path, "s") as siren,
        ):
            heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
            await siren.subscribe(
                f"{TOPIC}/+/tank", lambda topic, document: heard.put_nowait((topic, document))
            )
            outbox, bell = Outbox(tmp_path / "outbox"), AlarmBell(adapter)
            intake = Intake(outbox, "harbour", [GROUP], on_alarm=bell.ring)
            intake.take(sample(0.5))
            topic, document = await asyncio.wait_for(heard.get(), WAIT_S)
            assert topic == f"{TOPIC}/gw-1:tank/tank"
            assert document == {
                "alarm": "low", "state": "active", "severity": "critical", "value": 0.5,
                "limit": 1.0, "acknowledged": False, "field": "level_m", "at_ms": AT_MS,
            }  # fmt: skip
            await bell.close()
            outbox.close()


@in_loop
async def test_without_a_nucleus_the_row_is_kept_and_no_more_wait_than_may(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bell = AlarmBell(IpcClient(tmp_path / "no.socket", "a", call_s_max=0.05))
    outbox = Outbox(tmp_path / "outbox")
    intake = Intake(outbox, "harbour", [GROUP], on_alarm=bell.ring)
    for number in range(WAITING_MAX + 3):
        intake.take(sample(0.5 if number % 2 == 0 else 1.5))
    assert bell.let_go == 3
    assert outbox.accepted_samples == 2 * (WAITING_MAX + 3)
    async with asyncio.timeout(WAIT_S):
        while "not told on the local bus" not in caplog.text:
            await asyncio.sleep(0.01)
    await bell.close()
    outbox.close()
