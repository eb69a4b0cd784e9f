"""A component's own connection to its nucleus: light, asyncio, and it connects again.

Flow: component -> [client] -> Unix socket -> nucleus
Bounded: `CALLS_MAX` calls under way, further ones wait; a message of `MESSAGE_BYTES_MAX`.
Imports nothing outside the standard library: awsiotsdk takes 9 MB and never reconnects. What is
under way when the connection ends fails with `ConnectionLostError`; subscriptions come back.
"""

import asyncio
import base64
import json
import logging
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tidegate.ipc.errors import (
    ConnectionLostError,
    FrameMalformedError,
    IpcError,
    OperationError,
    TokenRefusedError,
)
from tidegate.ipc.message import (
    ACCEPTED,
    Kind,
    Message,
    connect,
    end_of_stream,
    parse,
    read_frame,
)
from tidegate.ipc.message import (
    call as call_of,
)

log = logging.getLogger(__name__)

SOCKET_VARIABLE = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
TOKEN_VARIABLE = "SVCUID"  # noqa: S105  a variable's name
CALLS_MAX = 100
CALL_S_MAX = 60.0  # a publish waits for the cloud's PUBACK
CONNECT_S_MAX = 10.0
MESSAGE_BYTES_MAX = 16 * 1024 * 1024  # the classic nucleus has no limit of its own
RETRY_S_MIN, RETRY_S_MAX = 0.1, 10.0

Event = Callable[[dict[str, Any]], None]
DeliverLocal = Callable[[str, "bytes | dict[str, Any]"], None]
DeliverCloud = Callable[[str, bytes], None]
DeliverPath = Callable[[str, tuple[str, ...]], None]


class Subscription:
    """One subscription, renewed at each connection until it is closed."""

    def __init__(
        self, client: "IpcClient", operation: str, document: dict[str, Any], on_event: Event
    ) -> None:
        self._client = client
        self.operation, self.document, self.on_event = operation, document, on_event
        self.stream = 0

    async def close(self) -> None:
        """End it; nothing is delivered afterwards."""
        await self._client.unsubscribe(self)


class IpcClient:
    """Every operation that a component needs; raises `IpcError`.

    Callbacks run on the event loop and must not wait. `connect` fails when there is no nucleus;
    from then on the client connects again by itself until `close`.
    """

    def __init__(
        self, socket_path: Path | str, token: str, *, call_s_max: float = CALL_S_MAX
    ) -> None:
        self._socket_path, self._token = Path(socket_path), token
        self._call_s_max = call_s_max
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._streams: dict[int, asyncio.Future[Message]] = {}
        self._subscribed: dict[int, Subscription] = {}
        self._subscriptions: list[Subscription] = []
        self._next_stream = 1
        self._calls = asyncio.Semaphore(CALLS_MAX)
        self._task: asyncio.Task[None] | None = None
        self.connects = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "IpcClient":
        """Return a client of the nucleus that started this process; raises `IpcError`."""
        environment = os.environ if environment is None else environment
        missing = [name for name in (SOCKET_VARIABLE, TOKEN_VARIABLE) if not environment.get(name)]
        if missing:
            raise IpcError(
                f"{' and '.join(missing)} not set: no nucleus started this process; "
                "see tidectl gateway up"
            )
        return cls(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])

    @property
    def connected(self) -> bool:
        """Whether the nucleus is there right now."""
        return self._connected.is_set()

    @property
    def socket_path(self) -> Path:
        """Where the nucleus listens."""
        return self._socket_path

    async def wait_connected(self) -> None:
        """Return when the nucleus is there, at once where it is."""
        await self._connected.wait()

    async def connect(self) -> None:
        """Connect; raises `ConnectionLostError` and `TokenRefusedError`."""
        if self._task is None:
            reader = await self._open()
            self._task = asyncio.create_task(self._run(reader))

    async def close(self) -> None:
        """Hang up for good."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        self._hang_up()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---- operations ----

    async def publish(self, topic: str, message: bytes | Mapping[str, Any]) -> None:
        """Publish to the components of this gateway."""
        if isinstance(message, bytes):
            body: dict[str, Any] = {
                "binaryMessage": {"message": base64.b64encode(message).decode()}
            }
        else:
            body = {"jsonMessage": {"message": dict(message)}}
        await self.call("PublishToTopic", {"topic": topic, "publishMessage": body})

    async def subscribe(
        self, topic: str, deliver: DeliverLocal, *, others_only: bool = False
    ) -> Subscription:
        """Deliver topic and message of what this gateway's components publish."""

        def on_event(document: dict[str, Any]) -> None:
            for kind in ("jsonMessage", "binaryMessage"):
                body = document.get(kind)
                if body:
                    message = body["message"]
                    if kind == "binaryMessage":
                        message = base64.b64decode(message)
                    deliver(str((body.get("context") or {}).get("topic", topic)), message)

        mode = "RECEIVE_MESSAGES_FROM_OTHERS" if others_only else "RECEIVE_ALL_MESSAGES"
        return await self._subscribe(
            "SubscribeToTopic", {"topic": topic, "receiveMode": mode}, on_event
        )

    async def publish_to_iot_core(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish to AWS IoT Core; with `qos` 1 it returns once the message is taken over."""
        document = {
            "topicName": topic,
            "qos": str(qos),
            "payload": base64.b64encode(payload).decode(),
            **({"retain": True} if retain else {}),
        }
        await self.call("PublishToIoTCore", document)

    async def subscribe_to_iot_core(
        self, topic_filter: str, deliver: DeliverCloud, *, qos: int = 1
    ) -> Subscription:
        """Deliver topic and payload of what comes from AWS IoT Core."""

        def on_event(document: dict[str, Any]) -> None:
            message = document["message"]
            deliver(message["topicName"], base64.b64decode(message.get("payload") or ""))

        return await self._subscribe(
            "SubscribeToIoTCore", {"topicName": topic_filter, "qos": str(qos)}, on_event
        )

    async def configuration(self, path: Sequence[str] = (), *, component: str | None = None) -> Any:
        """Return the configuration at `path`: an object, or `{last key: value}` for a scalar."""
        reply = await self.call("GetConfiguration", _configuration(path, component))
        return reply.get("value")

    async def update_configuration(
        self, path: Sequence[str], value: Mapping[str, Any], *, at_ms: int | None = None
    ) -> None:
        """Merge `value` at `path`, as of `at_ms`; an older value than the present is ignored."""
        at_s = (time.time_ns() // 1_000_000 if at_ms is None else at_ms) / 1000
        document = {"keyPath": list(path), "timestamp": at_s, "valueToMerge": dict(value)}
        await self.call("UpdateConfiguration", document)

    async def subscribe_to_configuration_updates(
        self, deliver: DeliverPath, path: Sequence[str] = (), *, component: str | None = None
    ) -> Subscription:
        """Deliver component and path of each value at or below `path` that changes."""

        def on_event(document: dict[str, Any]) -> None:
            event = document["configurationUpdateEvent"]
            deliver(event["componentName"], tuple(event["keyPath"]))

        return await self._subscribe(
            "SubscribeToConfigurationUpdate", _configuration(path, component), on_event
        )

    async def update_state(self, state: str) -> None:
        """Say RUNNING or ERRORED of this component."""
        await self.call("UpdateState", {"state": state})

    async def validate_token(self, token: str) -> bool:
        """Return whether a component has this SVCUID; for the stream manager only."""
        try:
            reply = await self.call("ValidateAuthorizationToken", {"token": token})
        except OperationError as error:
            if error.kind == "InvalidTokenError":
                return False
            raise
        return bool(reply.get("isValid"))

    # ---- streams ----

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if self._subscribed.pop(subscription.stream, None) and self._writer:
            self._writer.write(end_of_stream(subscription.stream).encoded())
            await self._drain()

    async def _subscribe(
        self, operation: str, document: dict[str, Any], on_event: Event
    ) -> Subscription:
        subscription = Subscription(self, operation, document, on_event)
        await self._renew(subscription)
        self._subscriptions.append(subscription)
        return subscription

    async def _renew(self, subscription: Subscription) -> None:
        await self.call(subscription.operation, subscription.document, subscription)

    async def call(
        self, operation: str, document: dict[str, Any], subscription: Subscription | None = None
    ) -> dict[str, Any]:
        """Return the reply to any operation, by its name; `subscription` takes what follows."""
        async with self._calls:
            if self._writer is None or not self.connected:
                raise ConnectionLostError("the nucleus is not there")
            stream, self._next_stream = self._next_stream, self._next_stream + 1
            future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            self._streams[stream] = future
            if subscription:  # an event may come right behind the reply
                subscription.stream = stream
                self._subscribed[stream] = subscription
            try:
                self._writer.write(call_of(operation, stream, document).encoded())
                await self._drain()
                async with asyncio.timeout(self._call_s_max):
                    reply = await future
            except TimeoutError:
                self._subscribed.pop(stream, None)
                raise IpcError(f"{operation}: no answer in {self._call_s_max:.0f} s") from None
            except BaseException:
                self._subscribed.pop(stream, None)
                raise
            finally:
                self._streams.pop(stream, None)
            return reply.document()

    async def _drain(self) -> None:
        try:
            if self._writer:
                await self._writer.drain()
        except OSError as error:
            raise ConnectionLostError("the connection ended") from error

    # ---- the connection ----

    async def _open(self) -> asyncio.StreamReader:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                reader, writer = await asyncio.open_unix_connection(self._socket_path)
                writer.write(connect(self._token).encoded())
                message = parse(await read_frame(reader, MESSAGE_BYTES_MAX))
        except (OSError, TimeoutError) as error:
            raise ConnectionLostError(f"no nucleus at {self._socket_path}: {error}") from error
        if message.kind is not Kind.CONNECT_ACK or not message.flags & ACCEPTED:
            writer.close()
            raise TokenRefusedError(
                "the nucleus refuses this component's token: another one started it, or none"
            )
        self._writer = writer
        self._next_stream = 1
        self.connects += 1
        self._connected.set()
        return reader

    async def _run(self, reader: asyncio.StreamReader) -> None:
        retry_s = RETRY_S_MIN
        current: asyncio.StreamReader | None = reader
        while True:
            renewal: asyncio.Task[None] | None = None
            try:
                if current is None:
                    current = await self._open()
                    renewal = asyncio.create_task(self._renew_all())
                    log.info("connected again to the nucleus")
                retry_s = RETRY_S_MIN
                while True:
                    self._take(parse(await read_frame(current, MESSAGE_BYTES_MAX)))
            except IpcError as error:
                log.warning("connection to the nucleus: %s", error)
            finally:
                if renewal:
                    renewal.cancel()
                self._hang_up()
            current = None
            await asyncio.sleep(random.uniform(0, retry_s))  # noqa: S311  jitter
            retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def _renew_all(self) -> None:
        for subscription in list(self._subscriptions):
            try:
                await self._renew(subscription)
            except ConnectionLostError:
                return
            except IpcError as error:
                log.warning("%s was not renewed: %s", subscription.operation, error)

    def _hang_up(self) -> None:
        self._connected.clear()
        if self._writer:
            self._writer.close()
            self._writer = None
        self._subscribed.clear()
        for future in self._streams.values():
            if not future.done():
                future.set_exception(ConnectionLostError("the connection ended"))

    def _take(self, message: Message) -> None:
        if message.kind is Kind.PING:
            if self._writer:
                self._writer.write(Message(Kind.PING_RESPONSE, payload=message.payload).encoded())
            return
        if message.kind in (Kind.PROTOCOL_ERROR, Kind.INTERNAL_ERROR) and message.stream == 0:
            raise FrameMalformedError(f"the nucleus says {message.kind.name}")
        future = self._streams.get(message.stream)
        if future is not None and not future.done():
            if message.kind is Kind.MESSAGE:
                future.set_result(message)
            else:
                future.set_exception(_failure(message))
        elif message.stream in self._subscribed:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        subscription = self._subscribed[message.stream]
        if message.kind is Kind.MESSAGE and message.payload:
            try:
                subscription.on_event(message.document())
            except Exception:  # a component's callback must not end its connection
                log.exception("the receiver of %s failed", subscription.operation)
        if message.ends_stream:
            self._subscribed.pop(message.stream, None)


def _configuration(path: Sequence[str], component: str | None) -> dict[str, Any]:
    document: dict[str, Any] = {"keyPath": list(path)}
    if component:
        document["componentName"] = component
    return document


def _failure(message: Message) -> OperationError:
    try:
        document = json.loads(message.payload or b"{}")
    except ValueError:
        document = {}
    text = document.get("message") or document.get("_message") or ""  # lite has the latter
    return OperationError(message.model or message.kind.name, str(text))
