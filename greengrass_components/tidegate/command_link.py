"""Take commands from the gateway's own bus or from IoT Core, and answer them there.

Flow: IoT Core | local bus -> [command link] -> writing ; answer -> the same way
Topics: `cmd/tidegauge/<gateway>/<key>` of IoT Core, as boards have it, and
`tidegauge/commands/<key>` of the local bus; the answer goes to `<topic>/answer`.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from tidegate.command import CommandError, Outcome, read_command
from tidegate.ipc import IpcClient, IpcError
from tidegate.ipc.client import Subscription
from tidegate.writing import Writing

log = logging.getLogger("tidegate.commands")

LOCAL_TOPIC = "tidegauge/commands"
CLOUD_TOPIC = "cmd/tidegauge"
MESSAGES_MAX = 100  # waiting; further ones are let go, and counted
CLOSE_S_MAX = 5.0  # for commands under way; a nucleus gives a component 10 s to end
_ANSWER = "/answer"


class CommandsFrom(StrEnum):
    """Who may give commands; nobody, unless somebody says so."""

    NOBODY = "nobody"
    LOCAL = "local"
    CLOUD = "cloud"
    BOTH = "both"


class CommandLink:
    """Subscribes for `writing`, which `use` may replace."""

    def __init__(self, ipc: IpcClient, gateway: str, writing: Writing) -> None:
        self._ipc, self._gateway, self._writing = ipc, gateway, writing
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []
        self.let_go = 0

    async def open(self, who: CommandsFrom) -> None:
        """Begin to listen; raises `IpcError`."""
        if who in (CommandsFrom.LOCAL, CommandsFrom.BOTH):
            topic = f"{LOCAL_TOPIC}/+"
            self._subscriptions.append(await self._ipc.subscribe(topic, self._from_local))
        if who in (CommandsFrom.CLOUD, CommandsFrom.BOTH):
            topic = f"{CLOUD_TOPIC}/{self._gateway}/+"
            subscription = await self._ipc.subscribe_to_iot_core(topic, self._from_cloud)
            self._subscriptions.append(subscription)

    async def close(self) -> None:
        """Listen no more, and wait for the commands that are under way, for a while."""
        for subscription in self._subscriptions:
            with contextlib.suppress(IpcError):
                await subscription.close()
        self._subscriptions = []
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_S_MAX)
            for task in late:
                log.warning("a command was not over after %.0f s: look at the device", CLOSE_S_MAX)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _from_local(self, topic: str, message: bytes | Mapping[str, Any]) -> None:
        self._take(topic, message, "local", self._ipc.publish)

    def _from_cloud(self, topic: str, payload: bytes) -> None:
        async def answer(to: str, document: Mapping[str, Any]) -> None:
            await self._ipc.publish_to_iot_core(to, json.dumps(document).encode())

        self._take(topic, payload, "cloud", answer)

    def _take(
        self,
        topic: str,
        message: bytes | Mapping[str, Any],
        source: str,
        answer: Callable[[str, Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        if len(self._tasks) >= MESSAGES_MAX:
            self.let_go += 1
            log.warning("command let go topic=%s: %d are waiting", topic, MESSAGES_MAX)
            return
        task = asyncio.create_task(self._do(topic, message, source, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(
        self,
        topic: str,
        message: bytes | Mapping[str, Any],
        source: str,
        answer: Callable[[str, Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        key = topic.rpartition("/")[2]
        now_ms = time.time_ns() // 1_000_000
        try:
            command = read_command(message, key=key, source=source, now_ms=now_ms)
        except CommandError as error:
            found = self._writing.refuse(key, source, str(error))
        else:
            if not self._writing.concerns(command):
                return  # another component of this gateway has it
            found = await self._writing.do(command)
        if found.outcome is Outcome.REFUSED:
            log.warning("command refused key=%s: %s", key, found.detail)
        try:
            await answer(topic + _ANSWER, found.document())
        except IpcError as error:
            log.warning("command not answered key=%s: %s", key, error)
