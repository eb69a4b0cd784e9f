"""Subscriptions of an OPC UA server: one for each period, an item for each tag.

Flow: server -> [subscription] -> changes -> samples
Bounded: each item queues `queue` values on the server between two publishes; what overflows there
is counted in `overflows`, a missing publish response in `gaps`. Nothing queues here.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import ua

from tidegate.changes import Change, Changes
from tidegate.group import Group
from tidegate.opcua.errors import code_name
from tidegate.opcua.session import Session
from tidegate.opcua.settings import OpcuaSettings
from tidegate.opcua.values import STATUS_TYPE, clock_of, overflowed, value_of
from tidegate.quality import Quality
from tidegate.sample import Sample
from tidegate.tag import Tag

log = logging.getLogger("tidegate.opcua")

KEEPALIVE_MS = 5_000  # a server with nothing to tell says so this often
_LIFETIME_KEEPALIVES = 6
_FILTER_REFUSED = (
    "BadFilterNotAllowed",
    "BadMonitoredItemFilterUnsupported",
    "BadMonitoredItemFilterInvalid",
    "BadDeadbandFilterInvalid",
)


class Subscription:
    """The items of all groups of one period.

    `refused` maps a tag's field to the status code with which the server refused it; such a tag is
    bad in every sample.
    """

    def __init__(
        self,
        session: Session,
        settings: OpcuaSettings,
        changes: Sequence[tuple[Group, Changes]],
        deliver: Callable[[Sample], None],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.overflows = self.gaps = self.notifications = 0
        self.refused: dict[str, str] = {}
        self.heard_at_s = time.monotonic()
        self._session, self._settings = session, settings
        self._changes = [changes for _, changes in changes]
        self._groups = [group for group, _ in changes]
        self._deliver, self._clock_ns = deliver, clock_ns
        self._told_at_ns = [clock_ns()] * len(self._groups)
        self._instant = clock_of(settings.times)
        self._items: list[tuple[int, int, Tag]] = []  # of a client handle: group, place, tag
        self._sequence: int | None = None

    async def start(self) -> None:
        """Create it on the server; raises `OpcuaError`."""
        period_ms = self._groups[0].period_ms
        keepalives = max(1, KEEPALIVE_MS // period_ms)
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=period_ms,
            RequestedMaxKeepAliveCount=keepalives,
            RequestedLifetimeCount=keepalives * _LIFETIME_KEEPALIVES,
            MaxNotificationsPerPublish=0,
            PublishingEnabled=True,
            Priority=0,
        )
        uaclient = self._session.client.uaclient
        made = await self._session.ask(
            "the server takes no subscription",
            uaclient.create_subscription(parameters, self._published),
        )
        requests = []
        for number, group in enumerate(self._groups):
            for place, tag in enumerate(group.tags):
                self._items.append((number, place, tag))
                requests.append(await self._request(len(self._items) - 1, tag))
        for start in range(0, len(requests), self._session.nodes_per_subscribe):
            part = requests[start : start + self._session.nodes_per_subscribe]
            await self._create(made.SubscriptionId, part)
        self.heard_at_s = time.monotonic()

    def is_silent(self, period_ms: int) -> bool:
        """Return whether the server has not even said that it has nothing to tell."""
        most_s = 3 * max(KEEPALIVE_MS, period_ms) / 1000
        return time.monotonic() - self.heard_at_s > most_s

    async def refresh(self) -> None:
        """Read every node, and take what was missed; raises `OpcuaError`."""
        nodes = [self._session.node_id(tag.address) for _, _, tag in self._items]
        data = await self._session.ask("can't read the nodes", self._session.read(nodes))
        self._take(enumerate(data))

    async def _request(self, handle: int, tag: Tag) -> Any:
        node = self._session.node_id(tag.address)
        sampling_ms = float(tag.options.get("sampling_ms", -1))  # -1: as the subscription
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle,
                SamplingInterval=sampling_ms,
                Filter=await self._filter(tag, node),
                QueueSize=int(tag.options.get("queue", self._settings.queue)),
                DiscardOldest=True,
            ),
        )

    async def _filter(self, tag: Tag, node: Any) -> Any:
        """Return the filter of the server's own deadband.

        A percentage is turned into an absolute one by the node's EURange: fewer servers know the
        former.
        """
        text = deadband_of(tag)
        if not text or tag.type == STATUS_TYPE:
            return None
        amount = float(text.rstrip("% "))
        if text.endswith("%"):
            span = tag.bounds[1] - tag.bounds[0] if tag.bounds else 0.0
            amount *= (span / abs(tag.scale) if span else await self._range(tag, node)) / 100
        return ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.DeadbandType.Absolute,
            DeadbandValue=amount,
        )

    async def _range(self, tag: Tag, node: Any) -> float:
        found = await self._session.ask(
            f"{tag.field}: its deadband is a percentage, and the node has no EURange",
            self._read_range(node),
        )
        return float(found)

    async def _read_range(self, node: Any) -> float:
        child = await self._session.client.get_node(node).get_child("0:EURange")
        span = await child.read_value()
        return float(span.High - span.Low)

    async def _create(self, subscription_id: int, requests: list[Any]) -> None:
        refused = await self._ask_for(subscription_id, requests)
        without = [request for request, code in refused if code in _FILTER_REFUSED]
        if without:
            log.warning("server refuses deadbands items=%d; they are told whole", len(without))
            for request in without:
                request.RequestedParameters.Filter = None
            again = await self._ask_for(subscription_id, without)
            refused = [pair for pair in refused if pair[1] not in _FILTER_REFUSED] + again
        now_ns = self._clock_ns()
        for request, code in refused:
            group, place, tag = self._items[request.RequestedParameters.ClientHandle]
            self.refused[tag.field] = code
            log.error("server refuses a node field=%s node=%s: %s", tag.field, tag.address, code)
            told_ns = self._session.clock.at(now_ns)
            self._tell(group, [(place, told_ns, None, Quality.BAD)], now_ns)

    async def _ask_for(self, subscription_id: int, requests: list[Any]) -> list[tuple[Any, str]]:
        """Return the requests that the server refused, with its reason."""
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=subscription_id,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ItemsToCreate=requests,
        )
        results = await self._session.ask(
            "the server takes no items",
            self._session.client.uaclient.create_monitored_items(parameters),
        )
        return [
            (request, code_name(result.StatusCode))
            for request, result in zip(requests, results, strict=True)
            if not result.StatusCode.is_good()
        ]

    def _published(self, result: Any) -> None:
        """Take a publish response; asyncua calls it in its own task, one after the other."""
        self.heard_at_s = time.monotonic()
        message = result.NotificationMessage
        self._session.clock.hear(message.PublishTime, self._clock_ns())
        if not message.NotificationData:
            return  # nothing to tell
        expected = None if self._sequence is None else self._sequence % 0xFFFF_FFFF + 1
        if expected is not None and message.SequenceNumber != expected:
            self.gaps += 1
        self._sequence = message.SequenceNumber
        for notification in message.NotificationData:
            if isinstance(notification, ua.DataChangeNotification):
                self._take((item.ClientHandle, item.Value) for item in notification.MonitoredItems)
            elif isinstance(notification, ua.StatusChangeNotification):
                log.warning("server ends the subscription: %s", code_name(notification.Status))
                self._session.lost.set()

    def _take(self, news: Any) -> None:
        now_ns = self._clock_ns()
        by_group: dict[int, list[Change]] = {}
        for handle, data in news:
            self.notifications += 1
            if overflowed(data):
                self.overflows += 1
            group, place, tag = self._items[handle]
            value, quality = value_of(tag, data)
            at_ns = self._instant(data, self._session.clock.at(now_ns))
            change = (place, at_ns, value, int(quality))
            by_group.setdefault(group, []).append(change)
        for group, changes in by_group.items():
            self._tell(group, changes, now_ns)

    def repeat(self) -> None:
        """Tell values that have been the same for as long as their tags may be silent."""
        now_ns = self._clock_ns()
        for number, group in enumerate(self._groups):
            silent_ms = [tag.report.max_ms for tag in group.tags if tag.report]
            most_ns = min(filter(None, silent_ms), default=0) * 1_000_000
            if most_ns and now_ns - self._told_at_ns[number] >= most_ns:
                same = self._changes[number].again(self._session.clock.at(now_ns), now_ns)
                self._told_at_ns[number] = now_ns
                if same:
                    self._deliver(same)

    def _tell(self, group: int, changes: list[Change], now_ns: int) -> None:
        self._told_at_ns[group] = now_ns
        for sample in self._changes[group].take(changes, now_ns):
            self._deliver(sample)


def deadband_of(tag: Tag) -> str:
    """Return the deadband that the server is to have, in raw units or with a percent sign.

    It is the tag's option `server_deadband` (`no`: none), else the deadband of its report rules:
    what the gateway would not report, the server need not tell.
    """
    text = tag.options.get("server_deadband", "").strip()
    if text:
        return "" if text == "no" else text
    if tag.report is None:
        return ""
    if tag.report.deadband is not None:
        return repr(tag.report.deadband / abs(tag.scale))
    if tag.report.deadband_percent is not None:
        return f"{tag.report.deadband_percent!r} %"
    return ""
