"""Put the local cloud together: what starts in which order, and ends in the other.

Flow: devices -> broker -> rules -> stream -> mappings -> function -> store
"""

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from typing import Any

from tidelocal.broker import Broker
from tidelocal.checkpoint import Checkpoint
from tidelocal.front import Front
from tidelocal.function_log import FunctionLog
from tidelocal.host import Host, Place
from tidelocal.http_server import HttpServer
from tidelocal.listeners import Listeners
from tidelocal.settings import Settings
from tidelocal.state_directory import StateDirectory, write_whole
from tidelocal.timeseries import TimeSeriesEngine, influx_app

log = logging.getLogger(__name__)


class LocalCloud:
    """One local cloud: `run` until the event it is given."""

    def __init__(self, settings: Settings, directory: StateDirectory, doors: Listeners) -> None:
        self._settings, self._directory, self._doors = settings, directory, doors

    async def run(self, ending: asyncio.Event) -> None:
        """Start everything, announce it, and end it when `ending` is set."""
        async with AsyncExitStack() as stack:
            servers = await self._start(stack)
            self._directory.announce(self._facts())
            log.info("ready %s", self._facts())
            wait = asyncio.create_task(ending.wait())
            done, _ = await asyncio.wait({wait, *servers}, return_when=asyncio.FIRST_COMPLETED)
            self._directory.withdraw()
            for task in done - {wait}:
                task.result()  # raises what ended a server before its time

    async def _start(self, stack: AsyncExitStack) -> set[asyncio.Task[None]]:
        settings, directory = self._settings, self._directory
        ports = self._doors.ports()
        host = Host.load(
            Place(
                state=directory.folder("services"),
                objects=directory.folder("objects"),
                scratch=directory.fresh_folder("scratch"),
                http_port=ports["http"],
                region=settings.region,
                account=settings.account,
            )
        )
        engine = TimeSeriesEngine(directory.folder("store") / "tidegauge.duckdb")
        stack.callback(engine.close)
        function_log = FunctionLog(directory.folder("logs") / "functions.log")
        stack.callback(function_log.close)
        host.log_functions_to(function_log.write)
        checkpoint = Checkpoint(host)

        await host.start()
        stack.push_async_callback(host.stop)
        write_whole(directory.path / "ca.pem", host.ca_certificate_pem().encode())
        saver = asyncio.create_task(checkpoint.run())
        stack.push_async_callback(_end, saver)
        stack.push_async_callback(checkpoint.flush)

        gateway = HttpServer(Front(host, checkpoint.touch), self._doors.http)
        store = HttpServer(influx_app(engine, directory.store_token()), self._doors.store)
        servers = set()
        for server in (store, gateway):
            servers.add(server.start())
            stack.push_async_callback(server.stop)
        broker = Broker(host)
        await broker.open(self._doors.mqtt)
        stack.push_async_callback(broker.close)
        checkpoint.touch()
        await checkpoint.flush()  # the CA exists from now on, whatever happens
        return servers

    def _facts(self) -> dict[str, Any]:
        address, ports = self._settings.listen, self._doors.ports()
        return {
            "pid": os.getpid(),
            "http_url": f"http://{address}:{ports['http']}",
            "mqtt_host": address,
            "mqtt_port": ports["mqtt"],
            "store_url": f"http://{address}:{ports['store']}",
            "ca_path": str(self._directory.path / "ca.pem"),
            "region": self._settings.region,
            "account": self._settings.account,
        }


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
