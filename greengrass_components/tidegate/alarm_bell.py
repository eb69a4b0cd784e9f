"""Tell the other components of this gateway of alarms at once, whether there is a cloud or not.

Flow: intake ~changes of alarms~> [alarm bell] -> `tidegauge/alarms/<thing>/<measurement>`
Bounded: `WAITING_MAX` messages are on their way, a further one is let go and counted: the row of
the measurement `alarm` is kept all the same, and is what counts.
"""

import asyncio
import logging
from typing import Any

from tidegate.alarms import FIELDS, AlarmEvent
from tidegate.group import Group
from tidegate.ipc import IpcClient, IpcError

log = logging.getLogger("tidegate.alarms")

TOPIC = "tidegauge/alarms"
WAITING_MAX = 100


class AlarmBell:
    """Rings over the local bus of the nucleus."""

    def __init__(self, ipc: IpcClient) -> None:
        self._ipc = ipc
        self._tasks: set[asyncio.Task[None]] = set()
        self.let_go = 0

    def ring(self, group: Group, event: AlarmEvent) -> None:
        """Send a change; returns at once, and never raises."""
        if len(self._tasks) >= WAITING_MAX:
            self.let_go += 1
            return
        document = dict(zip(FIELDS, event.values(), strict=True))
        document |= {"field": event.rule.field, "at_ms": event.at_ns // 1_000_000}
        topic = f"{TOPIC}/{group.thing}/{group.measurement}"
        task = asyncio.create_task(self._send(topic, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, topic: str, document: dict[str, Any]) -> None:
        try:
            await self._ipc.publish(topic, document)
        except IpcError as error:
            log.warning("alarm not told on the local bus topic=%s: %s", topic, error)
