"""The program of the component mqtt_bridge; options, signals, exit codes: `tidegate.process`."""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence

from tidegate.component_settings import ComponentSettings
from tidegate.component_settings import read_settings as read_component_settings
from tidegate.errors import GateError
from tidegate.mqtt.bridge import Bridge
from tidegate.mqtt.bridge_view import BridgeView
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import MqttSettings, read_settings
from tidegate.outbox import Outbox
from tidegate.outbox_upkeep import flush, keep_up, note_settings
from tidegate.process import Process, exit_code_of, log_refused, parsed, parser_of
from tidegate.status_page import StatusPage
from tidegate.stream import Stream, Value

log = logging.getLogger("tidegate.mqtt")

NAMES = ("site", "thing", "outbox", "health_period_ms", "status_port", "broker")
_SITE = "site"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; return the exit code."""
    options = parsed(parser_of("Bridge a local MQTT broker to the cloud."), arguments)

    async def program(process: Process) -> None:
        await _Program(options, process).run()

    return exit_code_of(program, options.configuration)


class _Program:
    def __init__(self, options: argparse.Namespace, process: Process) -> None:
        self._options, self._process = options, process

    async def run(self) -> None:
        settings, broker = await self._read()
        outbox = Outbox(self._options.state / "outbox", settings.outbox)
        try:
            while not self._process.stopping.is_set():
                await self._serve(settings, broker, outbox)
                await self._process.settled()
                try:
                    settings, broker = await self._read()
                    note_settings(outbox, settings.outbox)
                    log.info("configuration read again")
                except GateError as error:
                    log_refused(error)
        finally:
            outbox.close()

    async def _read(self) -> tuple[ComponentSettings, MqttSettings]:
        mapping = await self._process.settings(NAMES)
        broker = mapping.pop("broker", {})
        settings = read_component_settings(mapping)
        return settings, read_settings(broker, f"{settings.thing}-bridge")

    async def _serve(
        self, settings: ComponentSettings, broker: MqttSettings, outbox: Outbox
    ) -> None:
        """Bridge until the end, or until the configuration has changed."""
        site = settings.site or os.environ.get("TIDEGAUGE_SITE") or _SITE
        intake = MessageIntake(broker.routes, outbox, site=site, gateway=settings.thing)
        set_aside = SetAside(self._options.state / "set_aside.jsonl")
        bridge = Bridge(broker, intake, set_aside)
        tasks = [
            asyncio.create_task(bridge.run()),
            asyncio.create_task(keep_up(outbox)),
        ]
        page = StatusPage(BridgeView(broker, bridge, intake, set_aside, outbox))
        if settings.status_port:
            await page.try_open(settings.status_port)
        if settings.health_period_ms:
            tasks.append(asyncio.create_task(_tell_health(settings, site, outbox, bridge.health)))
        try:
            await self._process.told(*tasks)
            for task in tasks:
                if task.done():
                    task.result()  # a bug of ours ends the process, and the nucleus starts it again
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await page.close()
            flush(outbox)


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
