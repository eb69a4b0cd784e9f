"""The program of the component mqtt_bridge.

Started by a nucleus it reads its configuration there, and again when that changes; else from
`--configuration FILE`. It ends on SIGTERM with exit code 0; exit code 2: the configuration is
wrong, and the log says all that is.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate import component_configuration as configuration
from tidegate.component_settings import ComponentSettings
from tidegate.component_settings import read_settings as read_component_settings
from tidegate.errors import GateError
from tidegate.ipc import IpcClient, IpcError
from tidegate.mqtt.bridge import Bridge
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import MqttSettings, read_settings
from tidegate.outbox import Outbox
from tidegate.stream import Stream, Value

log = logging.getLogger("tidegate.mqtt")

_NAMES = ("site", "thing", "outbox", "health_period_ms", "broker")
_MAINTAIN_S = 0.25
_SITE = "site"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(description="Bridge a local MQTT broker to the cloud.")
    parser.add_argument(
        "--configuration", type=Path, help="settings in YAML or JSON, without a nucleus"
    )
    parser.add_argument(
        "--state", type=Path, default=Path(), help="folder that keeps samples; default: here"
    )
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_Program(options).run())
    except GateError as error:
        for line in str(error).splitlines():
            log.error("%s", line)
        return 2
    return 0


class _Program:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._ipc: IpcClient | None = None
        self._stopping, self._changed = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._changed.set)
        async with contextlib.AsyncExitStack() as stack:
            if configuration.has_nucleus() and not self._options.configuration:
                self._ipc = await stack.enter_async_context(IpcClient.from_environment())
                await self._follow(self._ipc)
            settings, broker = await self._read()
            outbox = Outbox(self._options.state / "outbox", settings.outbox)
            stack.callback(outbox.close)
            while not self._stopping.is_set():
                await self._serve(settings, broker, outbox)
                try:
                    settings, broker = await self._read()
                except GateError as error:
                    log.error("configuration stays as it was: %s", error)
            log.info("ends")

    async def _follow(self, ipc: IpcClient) -> None:
        def changed(_component: str, _path: tuple[str, ...]) -> None:
            self._changed.set()

        try:
            await ipc.subscribe_to_configuration_updates(changed)
        except IpcError as error:
            log.warning("changes of the configuration will not be heard: %s", error)

    async def _read(self) -> tuple[ComponentSettings, MqttSettings]:
        mapping: dict[str, Any] = {}
        if self._options.configuration:
            mapping = configuration.from_file(self._options.configuration)
        elif self._ipc:
            mapping = await configuration.from_nucleus(self._ipc, _NAMES)
        broker = mapping.pop("broker", {})
        settings = read_component_settings(mapping)
        return settings, read_settings(broker, f"{settings.thing}-bridge")

    async def _serve(
        self, settings: ComponentSettings, broker: MqttSettings, outbox: Outbox
    ) -> None:
        """Bridge until the end, or until the configuration has changed."""
        self._changed.clear()
        site = settings.site or os.environ.get("TIDEGAUGE_SITE") or _SITE
        intake = MessageIntake(broker.routes, outbox, site=site, gateway=settings.thing)
        set_aside = SetAside(self._options.state / "set_aside.jsonl")
        bridge = Bridge(broker, intake, set_aside)
        tasks = [
            asyncio.create_task(bridge.run()),
            asyncio.create_task(_maintain(outbox)),
            asyncio.create_task(self._stopping.wait()),
            asyncio.create_task(self._changed.wait()),
        ]
        if settings.health_period_ms:
            tasks.append(asyncio.create_task(_tell_health(settings, site, outbox, bridge.health)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a bug of ours ends the process, and the nucleus starts it again
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outbox.maintain(flush=True)


async def _maintain(outbox: Outbox) -> None:
    failing = False
    while True:
        await asyncio.sleep(_MAINTAIN_S)
        try:
            outbox.maintain()
            failing = False
        except (GateError, OSError) as error:
            if not failing:
                log.error("outbox can't be written: %s", error)
            failing = True


async def _tell_health(
    settings: ComponentSettings, site: str, outbox: Outbox, facts_of: Callable[[], dict[str, Value]]
) -> None:
    while True:
        await asyncio.sleep(settings.health_period_ms / 1000)
        facts = {**facts_of(), "outbox_bytes": outbox.size_bytes}
        stream = Stream(site, settings.thing, "gateway_mqtt", tuple(facts))
        try:
            outbox.append(stream, time.time_ns() // 1_000_000, tuple(facts.values()))
        except (GateError, OSError) as error:
            log.error("health is not kept: %s", error)


if __name__ == "__main__":
    sys.exit(main())
