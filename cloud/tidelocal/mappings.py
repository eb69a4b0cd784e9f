"""Keep one delivery running for every shard of every enabled mapping.

Flow: host's mappings -> [mappings] -> a ShardMapping each -> function
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidelocal.checkpoint import Checkpoint
from tidelocal.errors import BackPressureError
from tidelocal.host import FunctionResult, Host
from tidelocal.mapping import ShardMapping
from tidelocal.mapping_settings import (
    MappingRefusedError,
    MappingSettings,
    is_enabled,
    read_settings,
)
from tidelocal.state_directory import write_whole
from tidelocal.stream import SEQUENCE_NUMBER_DIGITS, ShardRecords, Streams

PERIOD_S = 1.0  # how soon a new mapping or shard is seen, and how often streams forget
END_S = 2.5  # what functions get to finish when the local cloud ends

log = logging.getLogger(__name__)
Key = tuple[str, str]  # mapping, shard


class Mappings:
    """Runs the deliveries; also their effects on the world."""

    def __init__(
        self,
        *,
        host: Host,
        streams: Streams,
        checkpoint: Checkpoint,
        folder: Path,
        clock_ms: Callable[[], int],
    ) -> None:
        self._host, self._streams, self._checkpoint = host, streams, checkpoint
        self._folder, self.now_ms = folder, clock_ms
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._positions: dict[str, dict[str, str]] = {}
        self._running: dict[Key, tuple[MappingSettings, ShardMapping, asyncio.Task[None]]] = {}
        self._first: dict[Key, str] = {}  # positions that the disk did not take yet
        self._refused: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._ending = False
        self._load_positions()

    def wake(self) -> None:
        """Records arrived; any thread may call it."""
        if threading.get_ident() == self._loop_thread:
            self._wake_all()
        else:
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for _settings, delivery, _task in self._running.values():
            delivery.wake()

    @property
    def running(self) -> int:
        """How many deliveries run, those that are ending included."""
        return len(self._running)

    def touch(self) -> None:
        """A mapping or a stream may have changed: look at once."""
        self._changed.set()

    async def run(self) -> None:
        """Follow the mappings and let streams forget, until `end`."""
        while not self._ending:
            self._changed.clear()
            self._streams.adopt()
            self._refresh()
            self._streams.forget(self._consumed)
            await self.wait(self._changed, PERIOD_S)

    async def end(self) -> None:
        """Let what is at the functions finish, within END_S; the rest is delivered again."""
        self._ending = True
        tasks = [task for _settings, delivery, task in self._running.values()]
        for _settings, delivery, _task in self._running.values():
            delivery.end()
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=END_S)
            for task in late:
                log.warning("a function did not finish in %.0f s; its batch comes again", END_S)
                task.cancel()

    # ---- following ----

    def _refresh(self) -> None:
        wanted = self._wanted()
        for key, (settings, delivery, task) in list(self._running.items()):
            if key not in wanted or wanted[key][0] != settings or task.done():
                delivery.end()
                # What is at the function finishes first; its end brings us back here.
                if task.done():
                    del self._running[key]
                    if not task.cancelled() and task.exception():
                        log.error("delivery broke mapping=%s", key[0], exc_info=task.exception())
        for key, (settings, records, mapping) in wanted.items():
            if key not in self._running:
                try:
                    self._start(settings, records, mapping)
                except BackPressureError as error:
                    log.error("delivery waits for its position to be kept: %s", error)
        known = {mapping["UUID"] for mapping in self._host.functions.mappings()}
        for uuid in set(self._positions) - known:
            del self._positions[uuid]
            self._path(uuid).unlink(missing_ok=True)

    def _wanted(self) -> dict[Key, tuple[MappingSettings, ShardRecords, dict[str, Any]]]:
        """Return what should be running now."""
        wanted: dict[Key, tuple[MappingSettings, ShardRecords, dict[str, Any]]] = {}
        for mapping in self._host.functions.mappings():
            if not is_enabled(mapping):
                continue
            try:
                settings = read_settings(mapping)
            except MappingRefusedError as error:
                self._refuse(mapping, str(error))
                continue
            for shard, records in self._streams.shards_of(settings.stream_arn).items():
                wanted[settings.uuid, shard] = settings, records, mapping
        return wanted

    def _start(
        self, settings: MappingSettings, records: ShardRecords, mapping: dict[str, Any]
    ) -> None:
        delivery = ShardMapping(
            settings=settings,
            records=records,
            position=self._position(settings, records),
            effects=self,
            on_result=lambda text: mapping.__setitem__("LastProcessingResult", text),
        )
        task = asyncio.create_task(delivery.run())
        task.add_done_callback(self._ended)
        self._running[settings.uuid, records.shard] = settings, delivery, task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not task.exception():
            self.touch()  # one that broke begins again within PERIOD_S, no sooner

    def _position(self, settings: MappingSettings, records: ShardRecords) -> str:
        """Return where a delivery begins; a first position is kept before anything is sent."""
        key = settings.uuid, records.shard
        positions = self._positions.setdefault(settings.uuid, {})
        if records.shard not in positions:
            # Found once: while the disk is full, LATEST must not move on.
            first = self._first.setdefault(key, self._first_position(settings, records))
            write_whole(
                self._path(settings.uuid), json.dumps({**positions, records.shard: first}).encode()
            )
            positions[records.shard] = self._first.pop(key)
        return positions[records.shard]

    def _first_position(self, settings: MappingSettings, records: ShardRecords) -> str:
        if settings.starting_position == "TRIM_HORIZON":
            return ""
        if settings.starting_position == "AT_TIMESTAMP":
            return f"{settings.starting_at_ms:020d}"
        return str(records[-1]["SequenceNumber"]) if records else ""

    def _refuse(self, mapping: dict[str, Any], reason: str) -> None:
        mapping["LastProcessingResult"] = f"PROBLEM: {reason}"
        if self._refused.get(mapping["UUID"]) != reason:
            self._refused[mapping["UUID"]] = reason
            log.error("mapping does not run uuid=%s reason=%s", mapping["UUID"], reason)

    def _consumed(self, stream_arn: str, shard: str) -> str | None:
        """Return up to where every mapping of the stream has gone; None without a mapping."""
        positions = [
            self._positions.get(mapping["UUID"], {}).get(shard, "")
            for mapping in self._host.functions.mappings()
            if mapping.get("EventSourceArn") == stream_arn
        ]
        return min(positions) if positions else None

    def _path(self, uuid: str) -> Path:
        return self._folder / f"{uuid}.json"

    def _load_positions(self) -> None:
        for path in self._folder.glob("*.json"):
            try:
                positions = dict(json.loads(path.read_bytes()))
            except (TypeError, ValueError):
                log.error("position file %s is damaged: its records are delivered again", path)
                continue
            self._positions[path.stem] = positions
            for position in positions.values():
                if len(position) == SEQUENCE_NUMBER_DIGITS:  # else it is where it was told to begin
                    self._streams.continue_above(position)

    # ---- effects of a delivery ----

    async def invoke(self, function_arn: str, event: dict[str, Any]) -> FunctionResult:
        """Call the function in a thread."""
        return await asyncio.to_thread(self._host.services.invoke, function_arn, event)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait by the loop's clock."""
        try:
            async with asyncio.timeout(seconds):
                return await event.wait()
        except TimeoutError:
            return False

    async def send_failure(self, destination_arn: str, document: str) -> None:
        """Put `document` on the on-failure queue, and keep it."""
        _arn, _aws, _sqs, region, account, _name = destination_arn.split(":")
        queue_url = self._host.services.queue_url(destination_arn)
        self._host.services.send_message(account, region, queue_url, document)
        self._checkpoint.touch()

    async def keep_checkpoint(self, uuid: str, shard: str, sequence_number: str) -> None:
        """Keep how far a delivery is, after everything that it wrote elsewhere."""
        try:
            await self._checkpoint.flush()
            positions = self._positions.setdefault(uuid, {})
            positions[shard] = sequence_number
            write_whole(self._path(uuid), json.dumps(positions).encode())
        except BackPressureError as error:
            # Kept in memory; a restart before the next checkpoint delivers again, which is safe.
            log.error("position not saved: %s", error)
