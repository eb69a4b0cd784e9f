"""What the IPC server asks of the nucleus behind it.

Flow: component -> session -> operations -> [ports] -> nucleus
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate.ipc.authorization import Authorization

KeyPath = tuple[str, ...]
Cancel = Callable[[], None]


@dataclass(frozen=True, slots=True)
class CloudMessage:
    """One message to or from IoT Core; `properties` are those of MQTT 5, by their IPC names."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


class IotCorePort(Protocol):
    """The one connection of this gateway to the cloud."""

    async def publish(self, message: CloudMessage) -> None:
        """Return once it is acknowledged or spooled; raises `OperationError`."""
        ...

    async def subscribe(
        self, topic_filter: str, qos: int, deliver: Callable[[CloudMessage], None]
    ) -> Callable[[], Awaitable[None]]:
        """Deliver what comes until the returned function is awaited; raises `OperationError`."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what was published, and what was dropped on either way, since the start."""
        ...


class NucleusPort(Protocol):
    """Components, their configuration and their rights."""

    def component_of(self, token: str) -> str | None:
        """Return which component has this SVCUID."""
        ...

    def authorization(self, component: str) -> Authorization:
        """Return what `component` may do."""
        ...

    def configuration(self, component: str, path: KeyPath) -> Any:
        """Return a value; raises `OperationError` when there is none."""
        ...

    def update_configuration(
        self, component: str, path: KeyPath, value: Mapping[str, Any], at_ms: int
    ) -> None:
        """Merge `value` at `path`; raises `OperationError`."""
        ...

    def listen_to_configuration(
        self, component: str, path: KeyPath, changed: Callable[[KeyPath], None]
    ) -> Cancel:
        """Tell the path of each value at or below `path` that changes; `OperationError`."""
        ...

    def report_state(self, component: str, state: str) -> None:
        """Take what a component says of itself: RUNNING or ERRORED; raises `OperationError`."""
        ...

    async def restart_component(self, component: str) -> None:
        """Stop and start it; raises `OperationError`."""
        ...

    def components(self) -> Sequence[Mapping[str, Any]]:
        """Return componentName, version, state and configuration of each."""
        ...

    async def deploy_locally(self, request: Mapping[str, Any]) -> str:
        """Begin a deployment as CreateLocalDeployment has it; return its id."""
        ...

    def local_deployments(self) -> Sequence[Mapping[str, Any]]:
        """Return deploymentId and status of each, the latest first."""
        ...
