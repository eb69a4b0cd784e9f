"""The local nucleus: what the IPC server and the way to the cloud ask of the components.

Flow: recipes, artifacts -> [nucleus] -> components <-> IPC server <-> IoT Core
What is deployed is in `deployed`, and how a deployment changes that in `deployer`.
"""

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.ipc.authorization import CLI, Authorization, Grant, parse_access_control
from tidegate.ipc.errors import INVALID, NOT_FOUND, SERVICE, OperationError
from tidegate.ipc.ports import Cancel, KeyPath
from tidegate.nucleus.component import RETRY_S, TOKEN_BYTES, Component
from tidegate.nucleus.deployed import Deployed
from tidegate.nucleus.deployer import Deployer
from tidegate.nucleus.deployment import Deployment
from tidegate.nucleus.deployment_history import QUEUED, DeploymentHistory
from tidegate.nucleus.errors import (
    ConfigurationError,
    ConfigurationMissingError,
    NucleusError,
)
from tidegate.nucleus.local_requests import LocalRequests
from tidegate.nucleus.settings import Settings

log = logging.getLogger(__name__)

_EVERYTHING = Authorization(tuple(Grant(service, frozenset("*"), ("*",)) for service in (CLI,)))


class Nucleus:
    """Components by name; `IpcServer` and the way to the cloud are put beside it."""

    def __init__(
        self,
        settings: Settings,
        *,
        credentials_port: int = 0,
        component_ended: Callable[[str], None] = lambda _: None,
        retry_s: float = RETRY_S,
    ) -> None:
        self._settings = settings
        self.deployed = Deployed(
            settings, credentials_port=credentials_port, ended=component_ended, retry_s=retry_s
        )
        self._history = DeploymentHistory()
        self._deployer = Deployer(settings, self.deployed, self._history, self._tell_change)
        self._requests = LocalRequests(settings, self.deployed)
        self._tasks: set[asyncio.Task[None]] = set()
        self.cli_token = secrets.token_urlsafe(TOKEN_BYTES)
        self.on_change: Callable[[], None] = lambda: None

    # ---- life ----

    async def start(self) -> None:
        """Start what is deployed, in the order of its dependencies."""
        self.deployed.load()
        for name in self.deployed.order():
            self.deployed[name].start()

    async def stop(self) -> None:
        """Stop every component, the last one first."""
        for task in list(self._tasks):
            task.cancel()
        for name in reversed(self.deployed.order()):
            await self.deployed[name].stop()
            self.deployed[name].close()

    def component(self, name: str) -> Component:
        """Return a component; raises `OperationError`."""
        found = self.deployed.find(name)
        if found is None:
            raise OperationError(NOT_FOUND, f"there is no component {name}")
        return found

    # ---- what the IPC server asks ----

    def component_of(self, token: str) -> str | None:
        """Return which component has this SVCUID."""
        if secrets.compare_digest(token.encode(), self.cli_token.encode()):
            return CLI
        for component in self.deployed.values():
            if secrets.compare_digest(token.encode(), component.token.encode()):
                return component.name
        return None

    def wants_credentials(self, token: str) -> bool:
        """Return whether the component with this token depends on the token exchange service."""
        name = self.component_of(token)
        component = self.deployed.find(name) if name else None
        return component is not None and component.recipe.needs_credentials

    def authorization(self, component: str) -> Authorization:
        """Return what a component may do."""
        if component == CLI:
            return _EVERYTHING
        document = self.component(component).configuration.value().get("accessControl")
        return parse_access_control(document, self._policy_variables())[0]

    def configuration(self, component: str, path: KeyPath) -> Any:
        """Return the value at `path`."""
        try:
            return self.component(component).configuration.as_ipc(path)
        except ConfigurationMissingError as error:
            raise OperationError(NOT_FOUND, str(error)) from error

    def update_configuration(
        self, component: str, path: KeyPath, value: Mapping[str, Any], at_ms: int
    ) -> None:
        """Merge `value` at `path` and keep it."""
        try:
            self.component(component).configuration.merge(value, path, at_ms=at_ms)
        except ConfigurationError as error:
            raise OperationError(SERVICE, str(error)) from error
        self.deployed.keep()

    def listen_to_configuration(
        self, component: str, path: KeyPath, changed: Callable[[KeyPath], None]
    ) -> Cancel:
        """Tell of changes."""
        try:
            return self.component(component).configuration.listen(path, changed)
        except ConfigurationMissingError as error:
            raise OperationError(NOT_FOUND, str(error)) from error

    def report_state(self, component: str, state: str) -> None:
        """Take what a component says of itself."""
        self.component(component).report(state)

    async def restart_component(self, component: str) -> None:
        """Restart it and who can't run without it."""
        self.component(component)
        await self._deployer.restart(component)

    def components(self) -> Sequence[Mapping[str, Any]]:
        """Return the state of each component, by name."""
        return [
            {
                "componentName": one.name,
                "version": one.recipe.version,
                "state": one.state,
                "configuration": one.configuration.value(),
                "reason": one.reason,
                "pid": one.pid,
                "starts": one.starts,
            }
            for one in sorted(self.deployed.values(), key=lambda one: one.name)
        ]

    async def deploy_locally(self, request: Mapping[str, Any]) -> str:
        """Begin a deployment from folders of recipes and artifacts."""
        deployment_id = str(uuid.uuid4())
        try:
            deployment = self._requests.read(deployment_id, request)
        except NucleusError as error:
            raise OperationError(INVALID, str(error)) from error
        self._history.note(deployment_id, QUEUED)
        task = asyncio.create_task(self._deploy_and_note(deployment))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return deployment_id

    def local_deployments(self) -> Sequence[Mapping[str, Any]]:
        """Return the deployments since the start, the latest first."""
        return self._history.latest_first()

    async def deploy(self, deployment: Deployment) -> None:
        """Bring the components to what `deployment` asks; raises `DeploymentError`.

        A failure is rolled back, unless the deployment says to leave it.
        """
        await self._deployer.deploy(deployment)

    async def _deploy_and_note(self, deployment: Deployment) -> None:
        try:
            await self.deploy(deployment)
        except (NucleusError, OSError) as error:
            log.error("deployment %s failed: %s", deployment.deployment_id, error)

    def _tell_change(self) -> None:
        self.on_change()  # which is set once all is wired

    def _policy_variables(self) -> dict[str, str]:
        if not self._settings.limits.expands_thing_name:
            return {}
        return {"{iot:thingName}": self._settings.thing}
