"""Both clients behind one face, so that each contract is held by both: AWS's and ours."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from awsiot.greengrasscoreipc import model
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2

from tidegate.ipc import IpcClient, OperationError
from tidegate.ipc.client import Subscription

WAIT_S = 10.0


class Client(Protocol):
    """What the contract asks of a client; failures are `OperationError` with the type's name."""

    def publish(self, topic: str, message: bytes | dict[str, Any]) -> None: ...
    def subscribe(
        self, topic: str, others_only: bool = False
    ) -> "tuple[queue.Queue[Any], Callable[[], None]]": ...
    def publish_to_iot_core(self, topic: str, payload: bytes) -> None: ...
    def subscribe_to_iot_core(
        self, topic: str
    ) -> "tuple[queue.Queue[Any], Callable[[], None]]": ...
    def configuration(self, path: Sequence[str], component: str | None = None) -> Any: ...
    def update_configuration(
        self, path: Sequence[str], value: dict[str, Any], at_s: float | None = None
    ) -> None: ...
    def configuration_updates(
        self, path: Sequence[str]
    ) -> "tuple[queue.Queue[Any], Callable[[], None]]": ...
    def update_state(self, state: str) -> None: ...
    def validate_token(self, token: str) -> bool: ...
    def close(self) -> None: ...


class OfficialClient:
    """awsiotsdk, unmodified."""

    def __init__(self, socket_path: Path, token: str, monkeypatch: Any) -> None:
        monkeypatch.setenv("SVCUID", token)
        monkeypatch.setenv("AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", str(socket_path))
        self._client = GreengrassCoreIPCClientV2()

    def _do(self, function: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return function(**arguments)
        except model.GreengrassCoreIPCError as error:
            kind = type(error).__name__
            raise OperationError(kind, getattr(error, "message", "") or "") from error

    def publish(self, topic: str, message: bytes | dict[str, Any]) -> None:
        if isinstance(message, bytes):
            body = model.PublishMessage(binary_message=model.BinaryMessage(message=message))
        else:
            body = model.PublishMessage(json_message=model.JsonMessage(message=message))
        self._do(self._client.publish_to_topic, topic=topic, publish_message=body)

    def _subscription(
        self, function: Callable[..., Any], convert: Callable[[Any], Any], **arguments: Any
    ) -> Any:
        got: queue.Queue[Any] = queue.Queue()
        _, operation = self._do(
            function,
            on_stream_event=lambda event: got.put(convert(event)),
            on_stream_error=lambda _error: True,
            **arguments,
        )
        return got, lambda: operation.close().result(WAIT_S)

    def subscribe(self, topic: str, others_only: bool = False) -> Any:
        def convert(event: Any) -> Any:
            body = event.json_message or event.binary_message
            return body.context.topic, body.message

        mode = "RECEIVE_MESSAGES_FROM_OTHERS" if others_only else "RECEIVE_ALL_MESSAGES"
        return self._subscription(
            self._client.subscribe_to_topic, convert, topic=topic, receive_mode=mode
        )

    def publish_to_iot_core(self, topic: str, payload: bytes) -> None:
        self._do(self._client.publish_to_iot_core, topic_name=topic, qos="1", payload=payload)

    def subscribe_to_iot_core(self, topic: str) -> Any:
        return self._subscription(
            self._client.subscribe_to_iot_core,
            lambda event: (event.message.topic_name, event.message.payload),
            topic_name=topic,
            qos="1",
        )

    def configuration(self, path: Sequence[str], component: str | None = None) -> Any:
        reply = self._do(
            self._client.get_configuration, key_path=list(path), component_name=component
        )
        return reply.value

    def update_configuration(
        self, path: Sequence[str], value: dict[str, Any], at_s: float | None = None
    ) -> None:
        at = datetime.fromtimestamp(time.time() if at_s is None else at_s, UTC)
        self._do(
            self._client.update_configuration,
            key_path=list(path),
            timestamp=at,
            value_to_merge=value,
        )

    def configuration_updates(self, path: Sequence[str]) -> Any:
        return self._subscription(
            self._client.subscribe_to_configuration_update,
            lambda event: (
                event.configuration_update_event.component_name,
                tuple(event.configuration_update_event.key_path),
            ),
            key_path=list(path),
        )

    def update_state(self, state: str) -> None:
        self._do(self._client.update_state, state=state)

    def validate_token(self, token: str) -> bool:
        try:
            return bool(self._do(self._client.validate_authorization_token, token=token).is_valid)
        except OperationError as error:
            if error.kind == "InvalidTokenError":
                return False
            raise

    def close(self) -> None:
        self._client.close(executor_wait=False)


class OwnClient:
    """`tidegate.ipc.IpcClient`, on a loop of its own thread."""

    def __init__(self, socket_path: Path, token: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.client = IpcClient(socket_path, token)
        self._do(self.client.connect())

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def _until_closed(self, got: "queue.Queue[Any]", work: Any) -> Any:
        subscription: Subscription = self._do(work)
        return got, lambda: self._do(subscription.close())

    def publish(self, topic: str, message: bytes | dict[str, Any]) -> None:
        self._do(self.client.publish(topic, message))

    def subscribe(self, topic: str, others_only: bool = False) -> Any:
        got: queue.Queue[Any] = queue.Queue()
        return self._until_closed(
            got, self.client.subscribe(topic, lambda *one: got.put(one), others_only=others_only)
        )

    def publish_to_iot_core(self, topic: str, payload: bytes) -> None:
        self._do(self.client.publish_to_iot_core(topic, payload))

    def subscribe_to_iot_core(self, topic: str) -> Any:
        got: queue.Queue[Any] = queue.Queue()
        return self._until_closed(
            got, self.client.subscribe_to_iot_core(topic, lambda *one: got.put(one))
        )

    def configuration(self, path: Sequence[str], component: str | None = None) -> Any:
        return self._do(self.client.configuration(path, component=component))

    def update_configuration(
        self, path: Sequence[str], value: dict[str, Any], at_s: float | None = None
    ) -> None:
        at_ms = None if at_s is None else int(at_s * 1000)
        self._do(self.client.update_configuration(path, value, at_ms=at_ms))

    def configuration_updates(self, path: Sequence[str]) -> Any:
        got: queue.Queue[Any] = queue.Queue()
        return self._until_closed(
            got, self.client.subscribe_to_configuration_updates(lambda *one: got.put(one), path)
        )

    def update_state(self, state: str) -> None:
        self._do(self.client.update_state(state))

    def validate_token(self, token: str) -> bool:
        return bool(self._do(self.client.validate_token(token)))

    def close(self) -> None:
        self._do(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
