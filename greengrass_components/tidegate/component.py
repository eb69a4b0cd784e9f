"""One adapter component at work: buses, intake, outbox and health, wired together.

Flow: devices -> buses -> intake -> outbox (on the disk, from where the uplink takes it)
`reload` changes the tag map while it runs: the outbox stays, buses end and begin.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence

from tidegate.adapter_kind import AdapterKind
from tidegate.bus_listener import AnyBus, BusListener
from tidegate.bus_worker import BusWorker
from tidegate.command_log import CommandLog
from tidegate.component_settings import ComponentSettings
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.health import Health
from tidegate.intake import Intake, OnAlarm, unheard
from tidegate.outbox import Outbox
from tidegate.outbox_upkeep import flush, keep_up
from tidegate.sample import Value
from tidegate.status_page import StatusPage
from tidegate.status_page.component_view import ComponentView
from tidegate.tag_map import Bus, TagMap
from tidegate.writing import Writing

log = logging.getLogger("tidegate.component")

CANCEL_AGAIN_S = 0.2
LOOK_AGAIN_S = 0.5  # how late an alarm's delay may end where nothing is polled
AGAIN_S = 5.0  # after a bug of ours in a bus: the others run on
SITE = "site"  # where neither the configuration nor the tag map names one


class Component:
    """Runs from `start` to `stop`; raises `GateError` for what can't be set up.

    `on_alarm` hears of each alarm that changes.
    """

    def __init__(
        self,
        kind: AdapterKind,
        settings: ComponentSettings,
        tag_map: TagMap,
        outbox: Outbox,
        *,
        on_alarm: OnAlarm = unheard,
    ) -> None:
        self.kind, self.outbox, self._on_alarm = kind, outbox, on_alarm
        self._command_log = CommandLog(outbox.folder / "commands.jsonl")
        self.bugs = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._build(settings, tag_map)

    def _build(self, settings: ComponentSettings, tag_map: TagMap) -> None:
        site = settings.site or tag_map.site or SITE
        intake = Intake(self.outbox, site, tag_map.groups, on_alarm=self._on_alarm)
        buses = [made for bus in tag_map.buses for made in self._buses_of(bus, intake)]
        self.settings, self.tag_map, self.intake = settings, tag_map, intake
        self.buses: Sequence[AnyBus] = buses
        self.health = Health(intake=intake, outbox=self.outbox, buses=buses, clock_s=time.monotonic)
        self.writing = Writing(
            buses, self._command_log, self._keep_command, acknowledge=intake.acknowledge
        )
        self.page = StatusPage(ComponentView(self.kind.name, intake, self.outbox, buses))

    def _buses_of(self, bus: Bus, intake: Intake) -> Iterator[AnyBus]:
        """Yield what reads a connection, and what listens to it: each has a session of its own."""
        polled: list[Group] = []
        told: list[Group] = []
        try:
            for group in bus.groups:
                is_polled = not self.kind.subscribes or self.kind.polls(bus.settings, group)
                (polled if is_polled else told).append(group)
            if polled:
                yield BusWorker(
                    name=bus.name,
                    adapter=self.kind.make(bus.settings),
                    groups=polled,
                    deliver=intake.take,
                    stretch=lambda: self.outbox.pressure.stretch,
                )
            if told:
                yield BusListener(
                    name=f"{bus.name}, told" if polled else bus.name,
                    adapter=self.kind.make(bus.settings),
                    groups=told,
                    deliver=intake.take,
                )
        except GateError as error:
            where = f"{bus.file}:{bus.line}: connection {bus.name}"
            raise GateError(f"{where}: {error}") from error

    def _keep_command(
        self, thing: str, measurement: str, at_ms: int, facts: dict[str, Value]
    ) -> None:
        self.intake.keep_row(thing or self.settings.thing, measurement, at_ms, facts)

    async def start(self) -> None:
        """Begin to read."""
        self._tasks = [
            asyncio.create_task(self._keep_running(bus), name=bus.name) for bus in self.buses
        ]
        self._tasks.append(asyncio.create_task(keep_up(self.outbox)))
        if self.settings.status_port:
            await self.page.try_open(self.settings.status_port)
        if self.kind.subscribes:
            self._tasks.append(asyncio.create_task(self._look_again()))
        if self.settings.health_period_ms:
            self._tasks.append(asyncio.create_task(self._tell_health()))
        groups = self.tag_map.groups
        log.info(
            "reading buses=%d groups=%d tags=%d",
            len(self.buses), len(groups), sum(len(group.tags) for group in groups),
        )  # fmt: skip

    async def stop(self) -> None:
        """End reading; what is read is in the outbox, as batches."""
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            # Python 3.11's wait_for may swallow a cancellation that meets its answer.
            _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
        self._tasks = []
        await self.page.close()
        self.intake.flush()
        flush(self.outbox)

    async def reload(self, settings: ComponentSettings, tag_map: TagMap) -> None:
        """Go on with another tag map; raises `GateError`, and all is as before then."""
        Component(self.kind, settings, tag_map, self.outbox)  # so that a mistake stops nothing
        await self.stop()
        self._build(settings, tag_map)
        await self.start()

    async def _keep_running(self, bus: AnyBus) -> None:
        while True:
            try:
                await bus.run()
            except Exception:
                self.bugs += 1
                log.exception("bus ended unexpectedly, again in %.0f s bus=%s", AGAIN_S, bus.name)
            await asyncio.sleep(AGAIN_S)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            self.intake.look_again(time.time_ns())

    async def _tell_health(self) -> None:
        while True:
            await asyncio.sleep(self.settings.health_period_ms / 1000)
            facts = self.health.facts()
            facts["bugs"] = self.bugs
            at_ms = time.time_ns() // 1_000_000
            measurement = f"gateway_{self.kind.name}"
            self.intake.keep_row(self.settings.thing, measurement, at_ms, facts)
