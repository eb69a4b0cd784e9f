"""The program of the component kinesis_uplink: everything is wired here.

Options, signals and exit codes are those of `tidegate.process`. At its end, what is on its way is
put if that takes no longer than three seconds; the rest is in the outboxes.
"""

import asyncio
import contextlib
import logging
import os
import random
import sys
import time
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Any

from tidegate.errors import GateError
from tidegate.followed_outbox import FollowedOutbox
from tidegate.ipc import IpcError
from tidegate.kinesis.by_stream_manager import ByStreamManager
from tidegate.kinesis.client import InThread, KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import Producer
from tidegate.kinesis.proxy import proxy_to
from tidegate.kinesis.shard_budget import ShardRate
from tidegate.kinesis.uplink_settings import NAMES, UplinkSettings, Via, read_uplink_settings
from tidegate.kinesis.uplink_view import UplinkView
from tidegate.local_samples import LocalSamples
from tidegate.outbox import Outbox
from tidegate.outbox_upkeep import keep_up
from tidegate.process import Process, exit_code_of, log_refused, parsed, parser_of
from tidegate.status_page import StatusPage
from tidegate.streams import StreamsError
from tidegate.uplink import STOP_S, OutboxSource, SystemClock, Uplink

log = logging.getLogger("tidegate.kinesis.uplink")

SINK = "kinesis"
LOOK_S = 2.0  # between two looks for outboxes that are new
STARTS_S = 10  # what a stream manager that is installed may take to start
REFUSED_FILES_MAX = 100
UplinkClient = ByStreamManager | InThread
_UNBOUND = ShardRate(1e9, 1e12)  # Stream Manager keeps to the shard's rate itself


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the component until it is told to end, and exit the process."""
    options = parsed(parser_of("Carry the outboxes of this gateway to Kinesis."), arguments)

    async def program(process: Process) -> None:
        await UplinkProgram(options.state, process).run()

    sys.exit(exit_code_of(program, options.configuration))


class UplinkProgram:
    """One run of the component, over changes of its configuration."""

    def __init__(self, state: Path, process: Process) -> None:
        self._state, self._process = state, process

    async def run(self) -> None:
        """Run until a signal; raises `GateError` for a configuration that is wrong at the start."""
        outbox = Outbox(self._state / "samples")
        try:
            settings = await self._read()
            while not self._process.stopping.is_set():
                await self._serve(settings, outbox)
                await self._process.settled()
                try:
                    settings = await self._read()
                    log.info("configuration read again")
                except GateError as error:
                    log_refused(error)
        finally:
            outbox.close()

    async def _serve(self, settings: UplinkSettings, outbox: Outbox) -> None:
        """Carry until the end, or until the configuration has changed."""
        client = await self._process.unless_ended(self._client(settings))
        uplink = self._uplink(settings, client, outbox)
        local = LocalSamples(outbox, site=settings.site, gateway=settings.gateway)
        subscription = await self._process.unless_ended(self._subscribe(settings, local))
        helpers = [
            asyncio.create_task(self._look_for_outboxes(settings, uplink)),
            asyncio.create_task(keep_up(outbox)),
        ]
        page = StatusPage(UplinkView("kinesis_uplink", uplink, outbox))
        if settings.status_port:
            await page.try_open(settings.status_port)
        carrying = asyncio.create_task(uplink.run())
        helpers.append(asyncio.create_task(_until_absent(settings, client)))
        try:
            await self._process.told(carrying, helpers[-1])
            uplink.stop()
            await asyncio.wait({carrying}, timeout=STOP_S)
            if carrying.done():
                carrying.result()  # a bug of ours ends the process, and the nucleus starts it again
        finally:
            for task in (carrying, *helpers):
                task.cancel()
            await asyncio.gather(carrying, *helpers, return_exceptions=True)
            client.close()
            await page.close()
            if subscription:
                with contextlib.suppress(IpcError):
                    await subscription.close()

    def _uplink(self, settings: UplinkSettings, client: UplinkClient, outbox: Outbox) -> Uplink:
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

    async def _client(self, settings: UplinkSettings) -> UplinkClient:
        if settings.via is not Via.KINESIS:
            by_stream_manager = ByStreamManager(settings.stream_manager, settings.stream)
            if await self._answers(by_stream_manager, settings) or settings.via is not Via.AUTO:
                log.info("puts by stream manager stream=%s", settings.stream_manager.stream)
                return by_stream_manager
        usual = f"https://kinesis.{settings.region}.amazonaws.com"
        proxy = proxy_to(settings.endpoint or usual, os.environ)
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
        if self._process.ipc is None:
            return None
        try:
            return await self._process.ipc.subscribe(settings.samples_topic, local.take)
        except IpcError as error:
            log.warning("samples of other components are not heard: %s", error)
            return None

    async def _look_for_outboxes(self, settings: UplinkSettings, uplink: Uplink) -> None:
        known: set[Path] = set()
        while True:
            known |= follow_new(_outboxes(self._state, settings.outboxes), known, uplink)
            await asyncio.sleep(LOOK_S)

    async def _read(self) -> UplinkSettings:
        return read_uplink_settings(await self._process.settings(NAMES), os.environ)

    def _keep_refused(self, data: bytes, why: str) -> None:
        """Write down a record that Kinesis never takes; the log has why."""
        folder = self._state / "refused"
        folder.mkdir(exist_ok=True)
        if len(list(folder.iterdir())) < REFUSED_FILES_MAX:
            (folder / f"{time.time_ns()}.kpl").write_bytes(data)
        log.error("record kept aside folder=%s: %s", folder, why)


async def _until_absent(settings: UplinkSettings, client: UplinkClient) -> None:
    """Return when the stream manager has been away for long, and another way may be taken."""
    most_s = settings.stream_manager.absent_s_max
    while settings.via is not Via.AUTO or not isinstance(client, ByStreamManager):
        await asyncio.sleep(LOOK_S)  # there is one way, and it is tried for ever
    while client.absent_s < most_s:
        await asyncio.sleep(min(LOOK_S, most_s / 4))
    log.warning("no stream manager for %d s: looks for a way anew", most_s)


def follow_new(folders: Iterable[Path], known: Set[Path], uplink: Uplink) -> set[Path]:
    """Follow the outboxes that are not `known`; return those that are followed from now on.

    One that can't be read, or in which a disk that is full takes no cursor, is logged; try again.
    """
    found = set()
    for folder in folders:
        if folder in known:
            continue
        followed = FollowedOutbox(folder, SINK)
        try:
            uplink.add(followed)
        except (GateError, OSError) as error:
            log.error("outbox can't be followed name=%s: %s", followed.name, error)
            continue
        log.info("outbox found name=%s", followed.name)
        found.add(folder)
    return found


def _outboxes(state: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the folders that hold an outbox."""
    found: set[Path] = set()
    for pattern in patterns:
        base = Path("/") if pattern.startswith("/") else state.resolve()
        while pattern.startswith("../"):
            base, pattern = base.parent, pattern[3:]  # noqa: PLW2901  what is left of it
        found |= {path for path in base.glob(pattern.lstrip("/")) if (path / "batches").is_dir()}
    return sorted(found)
