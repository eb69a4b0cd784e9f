"""Put the local cloud together: what starts in which order, and ends in the other.

Flow: device -> broker -> rules -> streams -> mappings -> function -> store
"""

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from typing import Any

from tidelocal.broker import Broker
from tidelocal.checkpoint import Checkpoint
from tidelocal.file_streams import FileDelivery, FileStreams, FileStreamsApi
from tidelocal.fleet import (
    Defender,
    MetricValuesApi,
    ShadowRefusedError,
    SigningRequests,
    ThingRequests,
    accept,
    delta,
    job_details,
)
from tidelocal.fleet.claims import CREATE_FROM_CSR_TOPIC
from tidelocal.front import Front
from tidelocal.function_log import FunctionLog
from tidelocal.greengrass import (
    SERVICE,
    ComponentVersions,
    ControlPlane,
    CoreDevices,
    Deployments,
    DeviceDoor,
    DevicePlane,
    DeviceSessions,
    Documents,
    RoleAliases,
)
from tidelocal.host import Answer, Host, Place, ProvisioningHooks, RuleHooks, ShadowHooks
from tidelocal.http_server import HttpServer
from tidelocal.journal import Journal
from tidelocal.listeners import Listeners
from tidelocal.mappings import Mappings
from tidelocal.resource_types import LiveAnalyticsType, StoreType, TopicRuleType
from tidelocal.rules import RuleEngine, RuleRefusedError
from tidelocal.settings import Settings
from tidelocal.state_directory import StateDirectory, write_whole
from tidelocal.stream import Streams
from tidelocal.timeseries import TimeSeriesEngine, influx_app, timestream_handle
from tidelocal.timestream_service import TARGET_PREFIX, TimestreamService

log = logging.getLogger(__name__)


class LocalCloud:
    """One local cloud: `run` until the event it is given."""

    def __init__(self, settings: Settings, directory: StateDirectory, doors: Listeners) -> None:
        self._settings, self._directory, self._doors = settings, directory, doors
        self._ports = doors.ports()

    async def run(self, ending: asyncio.Event) -> None:
        """Start everything, announce it, and end it when `ending` is set."""
        async with AsyncExitStack() as stack:
            tasks = await self._start(stack)
            self._directory.announce(self._facts())
            log.info("ready http=%(http_url)s mqtt_port=%(mqtt_port)d store=%(store_url)s",
                     self._facts())  # fmt: skip
            wait = asyncio.create_task(ending.wait())
            done, _ = await asyncio.wait({wait, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            self._directory.withdraw()
            wait.cancel()
            for task in done - {wait}:
                task.result()  # raises what ended a part before its time

    async def _start(self, stack: AsyncExitStack) -> set[asyncio.Task[None]]:
        """Start the parts; `stack` ends them, the last one first. Returns what must not end."""
        directory = self._directory
        host = self._load_host()
        engine = TimeSeriesEngine(directory.folder("store") / "tidegauge.duckdb")
        stack.callback(engine.close)
        function_log = FunctionLog(directory.folder("logs") / "functions.log")
        stack.callback(function_log.close)
        host.functions.log_to(function_log.write)
        journal = Journal(directory.folder("journal"))
        stack.callback(journal.close)
        checkpoint = Checkpoint(host)
        rules = RuleEngine(
            services=host.services,
            definitions=host.rules.definitions,
            clock_ms=_now_ms,
            flush=checkpoint.flush,
        )
        host.rules.replace(
            RuleHooks(
                rules.check, rules.reload, rules.on_publish, rules.on_ingest, RuleRefusedError
            )
        )
        streams = Streams(host=host, journal=journal, clock_ms=_now_ms)
        host.streams.replace_upkeep(streams.next_sequence_number, streams.adopt)
        self._add_timestream(host, engine)
        aliases, components, devices = self._add_greengrass(host)
        self._add_control_plane(host, checkpoint, aliases, devices)

        await host.start()
        stack.push_async_callback(host.stop)
        log.info("records restored count=%d", streams.restore())
        rules.reload()
        mappings = Mappings(
            host=host,
            streams=streams,
            checkpoint=checkpoint,
            folder=directory.folder("mappings"),
            clock_ms=_now_ms,
        )
        streams.listen(mappings.wake)

        async def on_change() -> None:
            checkpoint.touch()
            streams.adopt()
            mappings.touch()
            await checkpoint.try_flush()

        token = directory.store_token()
        servers = {
            HttpServer(influx_app(engine, token), self._doors.store),
            HttpServer(Front(host, on_change), self._doors.http),
        }
        tasks = {server.start() for server in servers}
        stack.push_async_callback(checkpoint.flush)
        stack.push_async_callback(_stop_all, servers)
        for work in (checkpoint.run(), mappings.run()):
            task = asyncio.create_task(work)
            tasks.add(task)
            stack.push_async_callback(_cancel, task)
        stack.push_async_callback(mappings.end)
        broker = Broker(host)
        await broker.open(self._doors.mqtt)
        stack.push_async_callback(broker.close)
        door = self._device_door(host, aliases, components)
        await door.open(self._doors.device)
        stack.push_async_callback(door.close)
        write_whole(directory.path / "ca.pem", host.iot.ca_certificate_pem().encode())
        checkpoint.touch()
        await checkpoint.flush()  # the CA exists from now on, whatever happens
        return tasks

    def _load_host(self) -> Host:
        settings, directory = self._settings, self._directory
        return Host.load(
            Place(
                state=directory.folder("services"),
                objects=directory.folder("objects"),
                scratch=directory.fresh_folder("scratch"),
                address=settings.address,
                http_url=f"http://{settings.url_host}:{self._ports['http']}",
                http_port=self._ports["http"],
                region=settings.region,
                account=settings.account,
            )
        )

    def _add_greengrass(self, host: Host) -> tuple[RoleAliases, ComponentVersions, CoreDevices]:
        folder = self._directory.folder("greengrass")
        components = ComponentVersions(Documents(folder / "components.json"))
        devices = CoreDevices(Documents(folder / "devices.json"))
        deployments = Deployments(host, Documents(folder / "deployments.json"), components)
        host.add_rest_service(
            SERVICE,
            ControlPlane(
                host=host, components=components, deployments=deployments, devices=devices
            ),
        )
        return RoleAliases(host, Documents(folder / "role-aliases.json")), components, devices

    def _device_door(
        self, host: Host, aliases: RoleAliases, components: ComponentVersions
    ) -> DeviceDoor:
        sessions = DeviceSessions(
            host, Documents(self._directory.folder("greengrass") / "device-sessions.json")
        )
        sessions.restore(self._settings.account, self._settings.region)
        plane = DevicePlane(host=host, components=components, aliases=aliases, sessions=sessions)
        return DeviceDoor(host, plane)

    def _add_control_plane(
        self, host: Host, checkpoint: Checkpoint, aliases: RoleAliases, devices: CoreDevices
    ) -> None:
        async def keep() -> None:
            checkpoint.touch()
            await checkpoint.flush()

        signing = SigningRequests(host, keep)
        host.fleet.extend_provisioning(
            ProvisioningHooks(CREATE_FROM_CSR_TOPIC, signing.sign, signing.kept)
        )
        host.fleet.replace_shadow_merge(ShadowHooks(accept, delta, ShadowRefusedError))
        host.fleet.check_job_details(job_details.mistake)
        streams, defender = FileStreams(host, self._directory.folder("file-streams")), Defender()
        requests = ThingRequests(
            host=host,
            files=FileDelivery(streams),
            defender=defender,
            core_devices=devices,
            changed=checkpoint.touch,
        )
        host.iot.answer_things(requests.answer)
        host.answer_first(
            "iot",
            [
                FileStreamsApi(host, streams).answer,
                MetricValuesApi(host, defender).answer,
                aliases.answer,
            ],
        )

    def _add_timestream(self, host: Host, engine: TimeSeriesEngine) -> None:
        settings = self._settings

        async def call(target: str, body: bytes) -> Answer:
            return await timestream_handle(
                engine,
                target,
                body,
                region=settings.region,
                account=settings.account,
                endpoint=f"{settings.url_host}:{self._ports['http']}",
            )

        host.add_service("timestream", TARGET_PREFIX, TimestreamService(host, call))
        live_analytics = LiveAnalyticsType(call)
        store = StoreType(
            host,
            address=settings.url_host,
            port=self._ports["store"],
            token=self._directory.store_token(),
        )
        host.stacks.add_resource_type("AWS::IoT::TopicRule", TopicRuleType(host).kind())
        host.stacks.add_resource_type("AWS::Timestream::InfluxDBCluster", store.kind())
        host.stacks.add_resource_type("AWS::Timestream::Database", live_analytics.database_kind())
        host.stacks.add_resource_type("AWS::Timestream::Table", live_analytics.table_kind())

    def _facts(self) -> dict[str, Any]:
        host = self._settings.url_host
        return {
            "pid": os.getpid(),
            "http_url": f"http://{host}:{self._ports['http']}",
            "mqtt_host": self._settings.address,
            "mqtt_port": self._ports["mqtt"],
            "store_url": f"http://{host}:{self._ports['store']}",
            "device_url": f"https://{host}:{self._ports['device']}",
            "ca_path": str(self._directory.path / "ca.pem"),
            "region": self._settings.region,
            "account": self._settings.account,
        }


async def _stop_all(servers: set[HttpServer]) -> None:
    await asyncio.gather(*(server.stop() for server in servers))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
