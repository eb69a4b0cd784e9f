"""OPC UA as the poller sees it: subscriptions that come back by themselves, reads and writes.

Flow: server -> subscription -> [adapter] -> samples
Bounded: retries wait from one second to `retry_ms_max`, doubled each time and spread, so that
many gateways don't return at once.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from tidegate.adapter import Deliver
from tidegate.changes import Changes
from tidegate.group import Group
from tidegate.opcua.errors import OpcuaDownError, OpcuaError
from tidegate.opcua.server_clock import ServerClock
from tidegate.opcua.session import FAILURES, NODES_PER_CALL, Session
from tidegate.opcua.settings import OpcuaSettings
from tidegate.opcua.subscription import Subscription
from tidegate.opcua.values import clock_of, value_of
from tidegate.sample import Sample, Value

log = logging.getLogger("tidegate.opcua")

_RETRY_MS_MIN = 1_000
_LOOK_S = 1.0  # how often silence and refreshing are looked at


@dataclass(frozen=True, slots=True)
class _Counts:
    """What subscriptions have counted."""

    notifications: int = 0
    gaps: int = 0
    overflows: int = 0

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(
            self.notifications + other.notifications,
            self.gaps + other.gaps,
            self.overflows + other.overflows,
        )


class OpcuaAdapter:
    """The adapter of one server.

    `connects` counts sessions; `health` tells what the server lost, over all of them.
    Where its instants are the server's, its clock is followed when it is set, and counted.
    """

    def __init__(
        self,
        settings: OpcuaSettings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        retry_ms_min: int = _RETRY_MS_MIN,
    ) -> None:
        self.connects = 0
        self._ended = _Counts()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._settings, self._clock_ns = settings, clock_ns
        self._retry_ms_min = retry_ms_min
        self._session: Session | None = None
        self._clock = ServerClock(is_followed=settings.times != "gateway")
        self._changes: list[Changes] = []
        self._types: dict[str, Any] = {}

    async def connect(self) -> None:
        """Connect anew; raises `OpcuaError` with what to do."""
        await self.close()
        session = Session(self._settings, self._clock, self._clock_ns)
        await session.open()
        self._session = session
        self.connects += 1

    async def close(self) -> None:
        """End the session; never raises."""
        session, self._session = self._session, None
        if session:
            await session.close()

    def plan(self, group: Group) -> Sequence[str]:
        """Return the requests that the group takes."""
        calls = -(-len(group.tags) // NODES_PER_CALL)
        return [
            f"{calls} CreateMonitoredItems of {len(group.tags)} nodes, once a connection",
            f"1 publish of what has changed each {group.period_ms} ms",
        ]

    async def poll(self, group: Group) -> Sample:
        """Read all nodes of the group; its instant is the newest of theirs."""
        session = self._connected()
        began_ns = self._clock_ns()
        nodes = [session.node_id(tag.address) for tag in group.tags]
        data = await session.ask("can't read the nodes", session.read(nodes))
        ended_ns = self._clock_ns()
        instant = clock_of(self._settings.times)
        middle_ns = (began_ns + ended_ns) // 2
        pairs = [value_of(tag, one) for tag, one in zip(group.tags, data, strict=True)]
        qualities = bytes(quality for _, quality in pairs)
        return Sample(
            group,
            max((instant(one, middle_ns) for one in data), default=middle_ns),
            ended_ns,
            tuple(value for value, _ in pairs),
            qualities if any(qualities) else None,
        )

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        """Deliver every change until cancelled, over any number of connections.

        When the connection is lost, each group gets one sample without values, then the client
        is made anew, with back-off, and everything subscribed to again.
        """
        merge_ns = self._settings.merge_ms * 1_000_000
        changes = [(group, Changes(group, merge_ns)) for group in groups]
        self._changes = [one for _, one in changes]
        failures, told = 0, ""
        while True:
            began_s = time.monotonic()
            try:
                if self._session is None or self._session.lost.is_set():
                    await self.connect()
                if told:
                    log.info("connected again url=%s", self._settings.url)
                told = ""
                await self._listen(changes, deliver)
            except OpcuaError as error:
                if str(error) != told:  # a server may be away for days
                    log.warning("subscription failed: %s", error)
                told = str(error)
            await self.close()
            now_ns = self._clock_ns()
            for _, one in changes:
                if lost := one.lose(self._clock.at(now_ns), now_ns):
                    deliver(lost)
            if time.monotonic() - began_s > self._settings.retry_ms_max / 1000:
                failures = 0
            await asyncio.sleep(self._retry_s(failures))
            failures += 1

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write a field's value, unscaled and in the node's own type; raises `OpcuaError`."""
        session = self._connected()
        wanted = group.tag_to_write(tag, value)
        node = session.client.get_node(session.node_id(wanted.address))
        raw = wanted.unscaled(value)
        try:
            if wanted.address not in self._types:
                self._types[wanted.address] = await node.read_data_type_as_variant_type()
            variant = _variant(raw, self._types[wanted.address])
            await node.write_value(ua.DataValue(variant))  # servers refuse instants in a write
        except FAILURES as error:
            raise OpcuaError(f"can't write {value!r} to {tag}", error) from error
        except (ValueError, TypeError) as error:
            raise OpcuaError(f"{tag} does not take {value!r}", error) from error

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        counts = sum(map(_counts_of, self._subscriptions), self._ended)
        return {
            "connects": self.connects,
            "notifications": counts.notifications,
            "publish_gaps": counts.gaps,
            "queue_overflows": counts.overflows,
            "clock_ahead_s": self._clock.ahead_ns // 1_000_000_000,
            "clock_steps": self._clock.steps + sum(one.steps for one in self._changes),
        }

    def _connected(self) -> Session:
        if self._session is None or self._session.lost.is_set():
            raise OpcuaDownError(f"not connected to {self._settings.url}")
        return self._session

    async def _listen(self, changes: list[tuple[Group, Changes]], deliver: Deliver) -> None:
        """Subscribe, and return when the connection is lost."""
        session = self._connected()
        periods = sorted({group.period_ms for group, _ in changes})
        subscriptions = {
            period_ms: Subscription(
                session,
                self._settings,
                [pair for pair in changes if pair[0].period_ms == period_ms],
                deliver,
                self._clock_ns,
            )
            for period_ms in periods
        }
        self._subscriptions = tuple(subscriptions.values())
        try:
            for one in self._subscriptions:
                await one.start()
            await self._until_lost(session, subscriptions)
        finally:
            self._ended = sum(map(_counts_of, self._subscriptions), self._ended)
            self._subscriptions = ()

    async def _until_lost(self, session: Session, subscriptions: dict[int, Subscription]) -> None:
        refreshed_s = time.monotonic()
        refresh_s = self._settings.refresh_ms / 1000
        gaps = 0
        while not session.lost.is_set():
            try:
                await asyncio.wait_for(session.lost.wait(), _LOOK_S)
                return
            except TimeoutError:
                pass
            for period_ms, one in subscriptions.items():
                if one.is_silent(period_ms):
                    raise OpcuaError("the server has stopped publishing")
                one.repeat()
            missed = sum(one.gaps for one in subscriptions.values())
            due = refresh_s and time.monotonic() - refreshed_s > refresh_s
            if due or missed != gaps:
                gaps, refreshed_s = missed, time.monotonic()
                for one in subscriptions.values():
                    await one.refresh()

    def _retry_s(self, failures: int) -> float:
        doubled_ms = self._retry_ms_min * (1 << min(failures, 16))
        most_ms = min(self._settings.retry_ms_max, doubled_ms)
        return random.uniform(0.5, 1.0) * most_ms / 1000  # noqa: S311  spread, no secret


def _counts_of(one: Subscription) -> _Counts:
    return _Counts(one.notifications, one.gaps, one.overflows)


def _variant(value: Any, kind: Any) -> Any:
    """Return `value` as a variant of the node's type; raises `ValueError` if it can't be."""
    types = ua.VariantType
    if isinstance(value, str) and kind not in (types.String, types.LocalizedText):
        raise ValueError(f"the node is {kind.name}, no text")
    if kind == types.LocalizedText:
        return ua.Variant(ua.LocalizedText(str(value)), kind)
    if kind == types.Boolean:
        return ua.Variant(bool(value), kind)
    if kind in (types.Float, types.Double):
        return ua.Variant(float(value), kind)
    if kind == types.String:
        return ua.Variant(str(value), kind)
    whole = int(value)
    if whole != value:
        raise ValueError(f"{value} is not whole, and the node is {kind.name}")
    return ua.Variant(whole, kind)
