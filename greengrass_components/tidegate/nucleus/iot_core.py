"""The gateway's one connection to AWS IoT Core, or to the local cloud's broker.

Flow: PublishToIoTCore, SubscribeToIoTCore -> [iot core] ~MQTT 5, mutual TLS~> broker
Bounded: `spool_bytes_max` wait while the broker is away, the oldest goes first and is counted
(the classic nucleus); without a spool a publish fails at once (lite). `INCOMING_MAX` messages of
`INCOMING_BYTES_MAX` wait to be delivered; what comes then is lost and counted. It dials on for
ever.
"""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tidegate.ipc.errors import SERVICE, OperationError
from tidegate.ipc.ports import CloudMessage
from tidegate.ipc.topic_filter import takes
from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.settings import Settings

log = logging.getLogger(__name__)
_mqtt_log = logging.getLogger("tidegate.nucleus.mqtt")
_mqtt_log.addFilter(lambda record: "queue is full" not in record.msg)  # told and counted here

KEEP_ALIVE_S = 30
PUBACK_S_MAX = 30.0
RETRY_S_MIN, RETRY_S_MAX = 0.2, 30.0
# A filter that the policy does not name ends the connection: then it is not asked for again.
REFUSALS_MAX = 3
INCOMING_MAX = 1_000  # messages that wait for this process
INCOMING_BYTES_MAX = 8 * 1024 * 1024  # of their payloads
_CONVERSIONS = {
    "contentType": "ContentType",
    "responseTopic": "ResponseTopic",
    "messageExpiryIntervalSeconds": "MessageExpiryInterval",
}

Deliver = Callable[[CloudMessage], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Subscription:
    topic_filter: str
    qos: int
    deliver: Deliver


class _Incoming(asyncio.Queue[aiomqtt.Message]):
    """What the client has received; it drops, with a line in the log, what this refuses."""

    on_overflow: Callable[[], None]

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._bytes = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Take a message; raises `asyncio.QueueFull`."""
        if self.full() or self._bytes >= INCOMING_BYTES_MAX:
            self.on_overflow()
            raise asyncio.QueueFull
        super().put_nowait(item)

    def _put(self, item: aiomqtt.Message) -> None:
        self._bytes += _size(item)
        super()._put(item)

    def _get(self) -> aiomqtt.Message:
        item = super()._get()
        self._bytes -= _size(item)
        return item


class IotCore:
    """Runs until cancelled; counts what it dropped."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._limits = settings, settings.limits
        self._client: aiomqtt.Client | None = None
        self._subscriptions: list[_Subscription] = []
        self._spool: deque[CloudMessage] = deque()
        self._spool_bytes = 0
        self._spooled = asyncio.Event()
        self._refusals: dict[str, int] = {}
        self._room = asyncio.Semaphore(self._limits.in_flight_max)
        self.connected = asyncio.Event()
        self.dropped = self.lost_incoming = self.overflown = self.published = 0

    async def run(self) -> None:
        """Stay connected."""
        if not self._settings.mqtt_host:
            return
        context = tls_context(self._settings)
        retry_s = RETRY_S_MIN
        while True:
            try:
                async with self._dial(context) as client:
                    retry_s = RETRY_S_MIN
                    await self._serve(client)
            except aiomqtt.MqttError as error:
                log.warning("IoT Core: %s", error)
            finally:
                self.connected.clear()
                self._client = None
            await asyncio.sleep(random.uniform(retry_s / 2, retry_s))  # noqa: S311  jitter
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def publish(self, message: CloudMessage) -> None:
        """Return once it is acknowledged, or spooled."""
        client = self._client
        if client is None or not self.connected.is_set():
            self._put_by(message, "the broker is away")
            return
        if self._room.locked() and self._limits.spool_bytes_max == 0:
            raise OperationError(SERVICE, f"{self._limits.in_flight_max} publishes wait already")
        async with self._room:
            try:
                await self._send(client, message)
            except aiomqtt.MqttError as error:
                self._put_by(message, str(error))

    async def subscribe(
        self, topic_filter: str, qos: int, deliver: Deliver
    ) -> Callable[[], Awaitable[None]]:
        """Deliver what comes; the subscription is renewed at each connection."""
        one = _Subscription(topic_filter, qos, deliver)
        first = not any(
            other.topic_filter == topic_filter and other.qos >= qos for other in self._subscriptions
        )
        if self._client is not None and first:
            try:
                await self._client.subscribe(topic_filter, qos=qos)
            except aiomqtt.MqttError as error:
                raise OperationError(SERVICE, f"{topic_filter} was refused: {error}") from error
        elif self._client is None and self._limits.spool_bytes_max == 0:
            raise OperationError(SERVICE, "the broker is away")
        self._subscriptions.append(one)

        async def cancel() -> None:
            self._subscriptions.remove(one)
            left = any(other.topic_filter == topic_filter for other in self._subscriptions)
            if self._client is not None and not left:
                try:
                    await self._client.unsubscribe(topic_filter)
                except aiomqtt.MqttError as error:
                    log.info("unsubscribe %s: %s", topic_filter, error)

        return cancel

    def counts(self) -> dict[str, int]:
        """As `IotCorePort.counts`."""
        return {
            "published": self.published,
            "dropped": self.dropped,
            "incomingTooLong": self.lost_incoming,
            "incomingDropped": self.overflown,
        }

    def _note_overflow(self) -> None:
        self.overflown += 1
        if self.overflown == 1 or self.overflown % 1_000 == 0:
            log.warning("more comes than is taken: %d messages dropped", self.overflown)

    def _dial(self, context: ssl.SSLContext) -> aiomqtt.Client:
        class Incoming(_Incoming):  # the client makes it itself, and takes no argument for it
            on_overflow = staticmethod(self._note_overflow)

        return aiomqtt.Client(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            identifier=self._settings.thing,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEP_ALIVE_S,
            tls_context=context,
            timeout=PUBACK_S_MAX,
            queue_type=Incoming,
            max_queued_incoming_messages=INCOMING_MAX,
            # `publish` has as many at most, the spool one more.
            max_queued_outgoing_messages=self._limits.in_flight_max + 1,
            max_inflight_messages=self._limits.in_flight_max,
            logger=_mqtt_log,
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        renewed: set[str] = set()
        while wanted := self._wanted(renewed):  # what comes meanwhile is asked for as well
            for topic_filter, qos in wanted.items():
                if self._refusals.get(topic_filter, 0) < REFUSALS_MAX:
                    await self._renew(client, topic_filter, qos)
            renewed |= set(wanted)
        self._client = client
        self.connected.set()
        log.info("connected to IoT Core as %s", self._settings.thing)
        draining = asyncio.create_task(self._drain(client))
        try:
            async for message in client.messages:
                self._take(message)
        finally:
            draining.cancel()
            await asyncio.wait({draining})

    def _wanted(self, renewed: set[str]) -> dict[str, int]:
        """Return the filters that are not asked for yet, each with the most of its QoS."""
        wanted: dict[str, int] = {}
        for one in self._subscriptions:
            if one.topic_filter not in renewed:
                wanted[one.topic_filter] = max(one.qos, wanted.get(one.topic_filter, 0))
        return wanted

    async def _renew(self, client: aiomqtt.Client, topic_filter: str, qos: int) -> None:
        try:
            await client.subscribe(topic_filter, qos=qos)
            self._refusals.pop(topic_filter, None)
        except aiomqtt.MqttError as error:
            count = self._refusals[topic_filter] = self._refusals.get(topic_filter, 0) + 1
            log.warning("%s was refused, %d of %d: %s", topic_filter, count, REFUSALS_MAX, error)
            raise

    async def _drain(self, client: aiomqtt.Client) -> None:
        """Send what waits, and what comes to wait while the broker is there."""
        self._spooled.set()
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            while self._spool:
                message = self._spool[0]
                try:
                    await self._send(client, message)
                except aiomqtt.MqttError as error:
                    log.info("the spool waits: %s", error)
                    await asyncio.sleep(RETRY_S_MAX)
                    continue
                if self._spool and self._spool[0] is message:
                    self._spool.popleft()
                    self._spool_bytes -= len(message.payload)

    async def _send(self, client: aiomqtt.Client, message: CloudMessage) -> None:
        await client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=_properties(message.properties),
            timeout=PUBACK_S_MAX,
        )
        self.published += 1

    def _put_by(self, message: CloudMessage, reason: str) -> None:
        most = self._limits.spool_bytes_max
        if len(message.payload) > most or most == 0:
            raise OperationError(SERVICE, reason)
        self._spool.append(message)
        self._spool_bytes += len(message.payload)
        self._spooled.set()
        while self._spool_bytes > most:
            self._spool_bytes -= len(self._spool.popleft().payload)
            self.dropped += 1
            if self.dropped == 1 or self.dropped % 1_000 == 0:
                log.warning("the spool is full: %d messages dropped", self.dropped)

    def _take(self, message: aiomqtt.Message) -> None:
        payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        topic = str(message.topic)
        most = self._limits.incoming_bytes_max
        if most is not None and len(payload) > most:
            self.lost_incoming += 1  # as nucleus lite: the component hears nothing
            log.warning("%s: %d bytes; nucleus lite loses more than %d", topic, len(payload), most)
            return
        received = CloudMessage(topic, payload, message.qos, retain=message.retain)
        for one in list(self._subscriptions):
            if takes(one.topic_filter, topic):
                one.deliver(received)


def _size(message: aiomqtt.Message) -> int:
    return len(message.payload) if isinstance(message.payload, bytes | bytearray) else 0


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return TLS with the gateway's certificate, which verifies the server; `NucleusError`."""
    try:
        context = ssl.create_default_context(cafile=settings.root_ca_path)
        context.load_cert_chain(settings.certificate_path, settings.key_path)
    except OSError as error:  # ssl.SSLError is one
        raise NucleusError(
            f"the certificate of {settings.thing} can't be used: {error}; "
            "see certificate_path, key_path and root_ca_path in nucleus.json"
        ) from error
    return context


def _properties(given: Any) -> Properties | None:
    found = {name: given[key] for key, name in _CONVERSIONS.items() if key in given}
    pairs = [(one.get("key", ""), one.get("value", "")) for one in given.get("userProperties", ())]
    if not found and not pairs:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types
    for name, value in found.items():
        setattr(properties, name, value)
    if pairs:
        properties.UserProperty = pairs
    return properties
