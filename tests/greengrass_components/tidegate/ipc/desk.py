"""An IPC server on a desk: real operations, configuration and rights, a cloud in memory."""

import asyncio
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from tidegate.ipc.authorization import Authorization, parse_access_control
from tidegate.ipc.errors import NOT_FOUND, SERVICE, OperationError
from tidegate.ipc.limits import CLASSIC, Limits
from tidegate.ipc.local_bus import LocalBus
from tidegate.ipc.operations import Operations
from tidegate.ipc.ports import Cancel, CloudMessage, KeyPath
from tidegate.ipc.server import IpcServer
from tidegate.ipc.topic_filter import takes
from tidegate.nucleus.configuration import Configuration
from tidegate.nucleus.errors import ConfigurationError, ConfigurationMissingError

GRANT_ALL = {
    "aws.greengrass.ipc.pubsub": {"p": {"operations": ["*"], "resources": ["*"]}},
    "aws.greengrass.ipc.mqttproxy": {"m": {"operations": ["*"], "resources": ["*"]}},
    "aws.greengrass.Cli": {"c": {"operations": ["*"], "resources": ["*"]}},
}


class MemoryCloud:
    """Delivers at once; `away` refuses, as a nucleus without a spooler does.

    `slow`: a subscription is granted once `answers` is set.
    """

    def __init__(self) -> None:
        self.published: list[CloudMessage] = []
        self.away = self.slow = False
        self.answers = asyncio.Event()
        self.asked = 0
        self._subscriptions: list[tuple[str, Callable[[CloudMessage], None]]] = []

    async def publish(self, message: CloudMessage) -> None:
        if self.away:
            raise OperationError(SERVICE, "the broker is away")
        self.published.append(message)
        for topic_filter, deliver in list(self._subscriptions):
            if takes(topic_filter, message.topic):
                deliver(message)

    async def subscribe(
        self, topic_filter: str, qos: int, deliver: Callable[[CloudMessage], None]
    ) -> Callable[[], Awaitable[None]]:
        del qos
        self.asked += 1
        if self.slow:
            await self.answers.wait()
        entry = (topic_filter, deliver)
        self._subscriptions.append(entry)

        async def cancel() -> None:
            self._subscriptions.remove(entry)

        return cancel

    def counts(self) -> dict[str, int]:
        return {"published": len(self.published)}


class DeskNucleus:
    """Components by token, each with a configuration of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_token: dict[str, str] = {}
        self.configurations: dict[str, Configuration] = {}
        self.states: list[tuple[str, str]] = []
        self.restarted: list[str] = []

    def add(self, component: str, token: str, defaults: Mapping[str, Any]) -> None:
        self._by_token[token] = component
        self.configurations[component] = Configuration(
            defaults, value_bytes_max=self._limits.configuration_value_bytes_max
        )

    def component_of(self, token: str) -> str | None:
        return self._by_token.get(token)

    def authorization(self, component: str) -> Authorization:
        document = self.configurations[component].value().get("accessControl")
        return parse_access_control(document)[0]

    def configuration(self, component: str, path: KeyPath) -> Any:
        try:
            return self._of(component).as_ipc(path)
        except ConfigurationMissingError as error:
            raise OperationError(NOT_FOUND, str(error)) from error

    def update_configuration(
        self, component: str, path: KeyPath, value: Mapping[str, Any], at_ms: int
    ) -> None:
        try:
            self._of(component).merge(value, path, at_ms=at_ms)
        except ConfigurationError as error:
            raise OperationError(SERVICE, str(error)) from error

    def listen_to_configuration(
        self, component: str, path: KeyPath, changed: Callable[[KeyPath], None]
    ) -> Cancel:
        try:
            return self._of(component).listen(path, changed)
        except ConfigurationMissingError as error:
            raise OperationError(NOT_FOUND, str(error)) from error

    def report_state(self, component: str, state: str) -> None:
        self.states.append((component, state))

    async def restart_component(self, component: str) -> None:
        self._of(component)
        self.restarted.append(component)

    def components(self) -> Sequence[Mapping[str, Any]]:
        return [
            {"componentName": name, "version": "1.0.0", "state": "RUNNING", "configuration": {}}
            for name in self.configurations
        ]

    async def deploy_locally(self, request: Mapping[str, Any]) -> str:
        del request
        return "d-1"

    def local_deployments(self) -> Sequence[Mapping[str, Any]]:
        return [{"deploymentId": "d-1", "status": "SUCCEEDED"}]

    def _of(self, component: str) -> Configuration:
        if component not in self.configurations:
            raise OperationError(NOT_FOUND, f"there is no component {component}")
        return self.configurations[component]


class Desk:
    """The server on a loop of its own thread, so that a synchronous client can talk to it."""

    def __init__(self, limits: Limits = CLASSIC) -> None:
        self.limits = limits
        self.cloud, self.nucleus = MemoryCloud(), DeskNucleus(limits)
        self._folder = tempfile.TemporaryDirectory(prefix="desk")
        self.socket_path = Path(self._folder.name) / "ipc.socket"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.server = self._make()

    def _make(self) -> IpcServer:
        self.operations = Operations(
            nucleus=self.nucleus, bus=LocalBus(), iot_core=self.cloud, limits=self.limits
        )
        return IpcServer(
            path=self.socket_path,
            nucleus=self.nucleus,
            operations=self.operations,
            limits=self.limits,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self.server.open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.server.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def restart(self) -> None:
        """End the server, as a nucleus that restarts does, and begin anew."""
        self.run(self.server.close())
        self.server = self._make()
        self.run(self.server.open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run on the server's loop and return what comes of it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call on the server's loop."""

        async def call() -> Any:
            return function()

        return self.run(call())
