"""The program of the component kinesis_uplink: everything is wired here.

Started by a nucleus it reads its configuration there, and again when that changes; else from
`--configuration FILE`. It ends on SIGTERM, with what is on its way put if that takes no longer
than five seconds; the rest is in the outboxes. Exit code 2: the configuration is wrong.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tidegate import component_configuration as configuration
from tidegate.errors import GateError
from tidegate.followed_outbox import FollowedOutbox
from tidegate.ipc import IpcClient, IpcError
from tidegate.kinesis.by_stream_manager import ByStreamManager
from tidegate.kinesis.client import InThread, KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import Producer, PutClient
from tidegate.kinesis.proxy import proxy_for
from tidegate.kinesis.shard_budget import ShardRate
from tidegate.kinesis.uplink_settings import NAMES, UplinkSettings, Via, read_uplink_settings
from tidegate.kinesis.uplink_view import UplinkView
from tidegate.local_samples import LocalSamples
from tidegate.outbox import Outbox
from tidegate.status_page import StatusPage
from tidegate.streams import StreamsError
from tidegate.uplink import OutboxSource, SystemClock, Uplink

log = logging.getLogger("tidegate.kinesis.uplink")

SINK = "kinesis"
LOOK_S = 2.0  # between two looks for outboxes that are new
MAINTAIN_S = 0.25
SETTLE_S = 0.5  # a deployment changes many values: one reading after the last of them
STARTS_S = 10  # what a stream manager that is installed may take to start
REFUSED_FILES_MAX = 100
_UNBOUND = ShardRate(1e9, 1e12)  # Stream Manager keeps to the shard's rate itself


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the component until it is told to end, and exit the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(description="Carry the outboxes of this gateway to Kinesis.")
    parser.add_argument(
        "--configuration", type=Path, help="settings in YAML or JSON, without a nucleus"
    )
    parser.add_argument(
        "--state", type=Path, default=Path(), help="folder for what is kept; default: here"
    )
    options = parser.parse_args(arguments)
    if options.configuration and not options.configuration.exists():
        parser.error(f"{options.configuration} is not there")
    try:
        asyncio.run(UplinkProgram(options.state, options.configuration).run())
    except GateError as error:
        for line in str(error).split("; "):
            log.error("%s", line)
        sys.exit(2)
    sys.exit(0)


class UplinkProgram:
    """One run of the component, over changes of its configuration."""

    def __init__(self, state: Path, configuration_path: Path | None) -> None:
        self._state, self._configuration_path = state, configuration_path
        self._ipc: IpcClient | None = None
        self._ending = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Run until a signal; raises `GateError` for a configuration that is wrong at the start."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._changed.set)
        async with contextlib.AsyncExitStack() as stack:
            if configuration.has_nucleus() and not self._configuration_path:
                self._ipc = await stack.enter_async_context(IpcClient.from_environment())
                await self._follow(self._ipc)
            outbox = Outbox(self._state / "samples")
            stack.callback(outbox.close)
            settings = await self._read()
            while not self._ending.is_set():
                await self._serve(settings, outbox)
                settings = await self._read_again(settings)
        log.info("ends")

    async def _serve(self, settings: UplinkSettings, outbox: Outbox) -> None:
        """Carry until the end, or until the configuration has changed."""
        client = await self._client(settings)
        uplink = self._uplink(settings, client, outbox)
        local = LocalSamples(outbox, site=settings.site, gateway=settings.gateway)
        subscription = await self._subscribe(settings, local)
        helpers = [
            asyncio.create_task(self._look_for_outboxes(settings, uplink)),
            asyncio.create_task(_maintain(outbox)),
        ]
        page = StatusPage(UplinkView("kinesis_uplink", uplink, outbox))
        if settings.status_port:
            await page.try_open(settings.status_port)
        carrying = asyncio.create_task(uplink.run())
        try:
            await self._until_told(carrying)
            uplink.stop()
            await carrying
        finally:
            for task in (carrying, *helpers):
                task.cancel()
            await asyncio.gather(carrying, *helpers, return_exceptions=True)
            await page.close()
            if subscription:
                with contextlib.suppress(IpcError):
                    await subscription.close()
            if isinstance(client, ByStreamManager):
                client.close()

    def _uplink(self, settings: UplinkSettings, client: PutClient, outbox: Outbox) -> Uplink:
        by_stream_manager = isinstance(client, ByStreamManager)

        def make(**told: Any) -> Producer:
            return Producer(
                client=client,
                partition_key=settings.gateway,
                clock=SystemClock(),
                dice=random.Random(),  # noqa: S311  it spreads retries
                limits=settings.limits,
                rate=_UNBOUND if by_stream_manager else settings.rate,
                **told,
            )

        return Uplink(
            sources=[OutboxSource(outbox.batches, SINK, "samples")],
            make_producer=make,
            keep_refused=self._keep_refused,
        )

    async def _client(self, settings: UplinkSettings) -> PutClient:
        if settings.via is not Via.KINESIS:
            by_stream_manager = ByStreamManager(settings.stream_manager, settings.stream)
            if await self._answers(by_stream_manager, settings) or settings.via is not Via.AUTO:
                log.info("puts by stream manager stream=%s", settings.stream_manager.stream)
                return by_stream_manager
        host = urlsplit(settings.endpoint).hostname or f"kinesis.{settings.region}.amazonaws.com"
        is_secure = not settings.endpoint or settings.endpoint.startswith("https:")
        proxy = proxy_for(host, os.environ) if is_secure else None
        log.info(
            "puts directly stream=%s gateway=%s proxy=%s",
            settings.stream, settings.gateway, proxy.host if proxy else None,
        )  # fmt: skip
        return InThread(
            KinesisClient(
                stream=settings.stream,
                region=settings.region,
                credentials=CredentialSource(os.environ, time.time),
                endpoint_url=settings.endpoint or None,
                proxy=proxy,
            )
        )

    async def _answers(self, client: ByStreamManager, settings: UplinkSettings) -> bool:
        """Whether a stream manager is there; one that is installed gets the time to start."""
        token_path = self._state / settings.stream_manager.token_file
        tries = STARTS_S if token_path.parent.is_dir() else 1
        for number in range(tries):
            try:
                await client.connected()
            except (StreamsError, OSError, TimeoutError) as error:
                log.info("no stream manager: %s", error)
            else:
                return True
            if number + 1 < tries:
                await asyncio.sleep(1.0)
        return False

    async def _subscribe(self, settings: UplinkSettings, local: LocalSamples) -> Any:
        if self._ipc is None:
            return None
        try:
            return await self._ipc.subscribe(settings.samples_topic, local.take)
        except IpcError as error:
            log.warning("samples of other components are not heard: %s", error)
            return None

    async def _look_for_outboxes(self, settings: UplinkSettings, uplink: Uplink) -> None:
        known: set[Path] = set()
        while True:
            for folder in _outboxes(self._state, settings.outboxes):
                if folder not in known:
                    known.add(folder)
                    followed = FollowedOutbox(folder, SINK)
                    uplink.add(followed)
                    log.info("outbox found name=%s", followed.name)
            await asyncio.sleep(LOOK_S)

    async def _until_told(self, carrying: asyncio.Task[None]) -> None:
        waits = [asyncio.create_task(one.wait()) for one in (self._ending, self._changed)]
        await asyncio.wait([*waits, carrying], return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _follow(self, ipc: IpcClient) -> None:
        """Hear of changes; a nucleus that tells none restarts the component instead."""

        def changed(_component: str, _path: tuple[str, ...]) -> None:
            self._changed.set()

        try:
            await ipc.subscribe_to_configuration_updates(changed)
        except IpcError as error:
            log.warning("changes of the configuration will not be heard: %s", error)

    async def _read(self) -> UplinkSettings:
        mapping: dict[str, Any] = {}
        if self._configuration_path:
            mapping = configuration.from_file(self._configuration_path)
        elif self._ipc:
            mapping = await configuration.from_nucleus(self._ipc, NAMES)
        return read_uplink_settings(mapping, os.environ)

    async def _read_again(self, before: UplinkSettings) -> UplinkSettings:
        while self._changed.is_set() and not self._ending.is_set():
            self._changed.clear()
            await asyncio.sleep(SETTLE_S)
        try:
            return await self._read()
        except GateError as error:
            log.error("configuration stays as it was: %s", error)
            return before

    def _keep_refused(self, data: bytes, why: str) -> None:
        """Write down a record that Kinesis never takes; the log has why."""
        folder = self._state / "refused"
        folder.mkdir(exist_ok=True)
        if len(list(folder.iterdir())) < REFUSED_FILES_MAX:
            (folder / f"{time.time_ns()}.kpl").write_bytes(data)
        log.error("record kept aside folder=%s: %s", folder, why)


def _outboxes(state: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the folders that hold an outbox."""
    found: set[Path] = set()
    for pattern in patterns:
        base = Path("/") if pattern.startswith("/") else state.resolve()
        while pattern.startswith("../"):
            base, pattern = base.parent, pattern[3:]  # noqa: PLW2901  what is left of it
        found |= {path for path in base.glob(pattern.lstrip("/")) if (path / "batches").is_dir()}
    return sorted(found)


async def _maintain(outbox: Outbox) -> None:
    while True:
        await asyncio.sleep(MAINTAIN_S)
        try:
            outbox.maintain()
        except (GateError, OSError) as error:
            log.error("outbox can't be written: %s", error)
