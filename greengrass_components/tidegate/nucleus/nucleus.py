"""The local nucleus: which components there are, what they may, and how deployments change that.

Flow: recipes, artifacts -> [nucleus] -> components <-> IPC server <-> IoT Core
Kept in `config.json`: the deployed versions, their groups, and what was configured.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.ipc.authorization import CLI, Authorization, Grant, parse_access_control
from tidegate.ipc.errors import INVALID, NOT_FOUND, SERVICE, OperationError
from tidegate.ipc.ports import Cancel, KeyPath
from tidegate.nucleus.component import BROKEN, TOKEN_BYTES, Component
from tidegate.nucleus.configuration import Configuration
from tidegate.nucleus.dependencies import BUILT_IN, start_order
from tidegate.nucleus.deployment import (
    DO_NOTHING,
    ROLLBACK,
    Change,
    Deployment,
    Plan,
    needs_restart,
    plan,
)
from tidegate.nucleus.environment import environment_of
from tidegate.nucleus.errors import (
    ConfigurationError,
    ConfigurationMissingError,
    DeploymentError,
    NucleusError,
)
from tidegate.nucleus.interpolation import Variables
from tidegate.nucleus.local_source import add_artifacts, find_recipe
from tidegate.nucleus.recipe import Recipe, load_recipe
from tidegate.nucleus.settings import Settings, write_whole

log = logging.getLogger(__name__)

DEPLOYMENTS_MAX = 100  # of those whose outcome is remembered
SETTLE_S_MAX = 900.0  # installs have timeouts of their own; this bounds those without
QUEUED, IN_PROGRESS, SUCCEEDED, FAILED = "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED"
LOCAL_GROUP = "LOCAL_DEPLOYMENT"
_EVERYTHING = Authorization(tuple(Grant(service, frozenset("*"), ("*",)) for service in (CLI,)))


class Nucleus:
    """Components by name; `IpcServer` and the way to the cloud are put beside it."""

    def __init__(
        self,
        settings: Settings,
        *,
        credentials_port: int = 0,
        component_ended: Callable[[str], None] = lambda _: None,
        retry_s: float = 1.0,
    ) -> None:
        self._settings = settings
        self._credentials_port, self._component_ended = credentials_port, component_ended
        self._retry_s = retry_s
        self._components: dict[str, Component] = {}
        self._groups: dict[str, list[str]] = {}
        self._deployments: dict[str, dict[str, Any]] = {}
        self._deploying = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cli_token = secrets.token_urlsafe(TOKEN_BYTES)
        self.on_change: Callable[[], None] = lambda: None

    # ---- life ----

    async def start(self) -> None:
        """Start what is deployed, in the order of its dependencies."""
        for name, facts in self._kept()["components"].items():
            try:
                path = self._settings.recipe_path(name, facts["version"])
                limits = self._settings.limits
                recipe = load_recipe(path, nucleus=limits.name, as_text=limits.yaml_is_text)
                component = self._add(recipe)
                component.configuration.from_document(facts["configuration"])
            except NucleusError as error:
                log.error("%s can't be started: %s", name, error)
        self._groups = self._kept()["groups"]
        for name in self._order():
            self._components[name].start()

    async def stop(self) -> None:
        """Stop every component, the last one first."""
        for task in list(self._tasks):
            task.cancel()
        for name in reversed(self._order()):
            await self._components[name].stop()
            self._components[name].close()

    def component(self, name: str) -> Component:
        """Return a component; raises `OperationError`."""
        if name not in self._components:
            raise OperationError(NOT_FOUND, f"there is no component {name}")
        return self._components[name]

    # ---- what the IPC server asks ----

    def component_of(self, token: str) -> str | None:
        """Return which component has this SVCUID."""
        if secrets.compare_digest(token.encode(), self.cli_token.encode()):
            return CLI
        for component in self._components.values():
            if secrets.compare_digest(token.encode(), component.token.encode()):
                return component.name
        return None

    def wants_credentials(self, token: str) -> bool:
        """Return whether the component with this token depends on the token exchange service."""
        name = self.component_of(token)
        return name in self._components and self._components[name].recipe.needs_credentials

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
        self._keep()

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
        async with self._deploying:
            recipes = self._recipes()
            steps = plan(recipes, recipes, [component])
            await self._carry_out(steps, recipes)

    def components(self) -> Sequence[Mapping[str, Any]]:
        """Return the state of each component, by name."""
        return [
            {
                "componentName": name,
                "version": one.recipe.version,
                "state": one.state,
                "configuration": one.configuration.value(),
                "reason": one.reason,
                "pid": one.pid,
                "starts": one.starts,
            }
            for name, one in sorted(self._components.items())
        ]

    async def deploy_locally(self, request: Mapping[str, Any]) -> str:
        """Begin a deployment from folders of recipes and artifacts."""
        deployment_id = str(uuid.uuid4())
        try:
            deployment = self._from_request(deployment_id, request)
        except NucleusError as error:
            raise OperationError(INVALID, str(error)) from error
        self._remember(deployment_id, QUEUED)
        task = asyncio.create_task(self._deploy_and_note(deployment))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return deployment_id

    def local_deployments(self) -> Sequence[Mapping[str, Any]]:
        """Return the deployments since the start, the latest first."""
        return list(reversed(self._deployments.values()))

    # ---- deployments ----

    async def deploy(self, deployment: Deployment) -> None:
        """Bring the components to what `deployment` asks; raises `DeploymentError`.

        A failure is rolled back, unless the deployment says to leave it.
        """
        async with self._deploying:
            before = self._recipes()
            kept = {name: one.configuration.to_document() for name, one in self._components.items()}
            groups = {name: list(members) for name, members in self._groups.items()}
            self._remember(deployment.deployment_id, IN_PROGRESS)
            try:
                await self._apply(deployment, before)
            except (NucleusError, OSError) as error:
                try:
                    if deployment.on_failure != DO_NOTHING:
                        await self._roll_back(before, kept, groups)
                finally:
                    self._remember(deployment.deployment_id, FAILED, str(error))
                raise DeploymentError(str(error)) from error
            self._remember(deployment.deployment_id, SUCCEEDED)

    async def _apply(self, deployment: Deployment, before: Mapping[str, Recipe]) -> None:
        others = {
            name
            for group, members in self._groups.items()
            if group != deployment.group
            for name in members
        }
        after = {name: recipe for name, recipe in before.items() if name in others}
        after |= {name: change.recipe for name, change in deployment.changes.items()}
        start_order(after)  # complains before anything is touched
        changed = self._configure(deployment.changes, before)
        # A deployment is what clears BROKEN, whatever it changes.
        changed += [
            name
            for name in deployment.changes
            if name not in changed and name in before and self._components[name].state == BROKEN
        ]
        steps = plan(before, after, changed)
        self._groups[deployment.group] = list(deployment.changes)
        await self._carry_out(steps, after)
        broken = [name for name in steps.start if self._components[name].state == BROKEN]
        if broken:
            reasons = "; ".join(f"{name}: {self._components[name].reason}" for name in broken)
            raise DeploymentError(f"{reasons}: see the log of {broken[0]}")

    def _configure(self, changes: Mapping[str, Change], before: Mapping[str, Recipe]) -> list[str]:
        """Merge the configurations, and return who must restart for it."""
        restart = []
        for name, change in changes.items():
            existing = self._components.get(name)
            paths: list[KeyPath] = []
            with contextlib.ExitStack() as stack:
                try:
                    configuration = existing.configuration if existing else self._fresh(change)
                    stack.callback(configuration.listen((), paths.append))
                    if before.get(name) and before[name].text != change.recipe.text:
                        configuration.set_defaults(change.recipe.defaults)
                    for pointer in change.reset:
                        configuration.reset(pointer)
                    configuration.merge(change.merge, at_ms=_now_ms())
                except ConfigurationError as error:
                    raise DeploymentError(f"{name}: {error}") from error
            self._check_access_control(name, configuration)
            if existing is None:
                self._add(change.recipe, configuration)
            elif paths and (
                self._settings.limits.restarts_on_configuration
                or needs_restart(change.recipe, paths)
            ):
                restart.append(name)
        self._keep()
        return restart

    def _fresh(self, change: Change) -> Configuration:
        most = self._settings.limits.configuration_value_bytes_max
        return Configuration(change.recipe.defaults, value_bytes_max=most)

    def _check_access_control(self, name: str, configuration: Configuration) -> None:
        _, mistakes = parse_access_control(configuration.value().get("accessControl"))
        if not mistakes:
            return
        if self._settings.nucleus == "lite":
            raise DeploymentError(f"{name}: {'; '.join(mistakes)}")
        log.warning("%s: ignored %s", name, "; ".join(mistakes))

    async def _carry_out(self, steps: Plan, after: Mapping[str, Recipe]) -> None:
        for name in steps.stop:
            await self._components[name].stop()
            self._component_ended(name)
            if name not in after:
                self._components.pop(name).close()
                continue
            recipe = after[name]
            if self._components[name].recipe is not recipe:
                old = self._components[name]
                old.close()
                self._add(recipe, old.configuration)
        self._keep()
        for name in steps.start:
            self._components[name].start()
            state = await self._components[name].wait_settled(SETTLE_S_MAX)
            log.info("%s %s is %s", name, self._components[name].recipe.version, state)
        self.on_change()

    async def _roll_back(
        self,
        before: Mapping[str, Recipe],
        kept: Mapping[str, list[list[Any]]],
        groups: dict[str, list[str]],
    ) -> None:
        log.warning("rolling back to %d components", len(before))
        for name, one in list(self._components.items()):
            as_before = (
                one.recipe is before.get(name) and one.configuration.to_document() == kept[name]
            )
            if not as_before:
                await one.stop()
                self._components.pop(name).close()
        self._groups = groups
        again = [name for name in start_order(before) if name not in self._components]
        for name in again:
            self._add(before[name]).configuration.from_document(kept[name])
        self._keep()
        for name in again:
            self._components[name].start()
            await self._components[name].wait_settled(SETTLE_S_MAX)
        self.on_change()

    async def _deploy_and_note(self, deployment: Deployment) -> None:
        try:
            await self.deploy(deployment)
        except (NucleusError, OSError) as error:
            log.error("deployment %s failed: %s", deployment.deployment_id, error)

    def _from_request(self, deployment_id: str, request: Mapping[str, Any]) -> Deployment:
        """Return the whole set that a local deployment leaves, as `greengrass-cli` asks for it."""
        group = str(request.get("groupName") or LOCAL_GROUP)
        removed = set(request.get("rootComponentsToRemove") or ())
        updates = dict(request.get("componentToConfiguration") or {})
        changes: dict[str, Change] = {}
        for name in self._groups.get(group, []):
            if name in self._components and name not in removed:
                changes[name] = Change(self._components[name].recipe)
        wanted = dict(request.get("rootComponentVersionsToAdd") or {})
        recipes = Path(str(request.get("recipeDirectoryPath") or self._settings.root / "recipes"))
        artifacts = request.get("artifactsDirectoryPath")
        pending = list(wanted.items())
        while pending:
            name, version = pending.pop()
            recipe = self._adopt(recipes, artifacts, name, version)
            changes[name] = Change(recipe)
            for need in recipe.dependencies:
                known = need.name in changes or need.name in self._components
                if need.name in BUILT_IN or known:
                    continue
                if need.hard or find_recipe(recipes, need.name):
                    pending.append((need.name, need.requirement))
        for name, update in updates.items():
            if name not in changes:
                raise DeploymentError(f"{name} is configured and not deployed")
            changes[name] = Change(
                changes[name].recipe, update.get("MERGE") or {}, update.get("RESET") or ()
            )
        policy = str(request.get("failureHandlingPolicy") or ROLLBACK)
        return Deployment(deployment_id, group, changes, policy)

    def _adopt(self, recipes: Path, artifacts: Any, name: str, version: str) -> Recipe:
        """Take over the recipe and artifacts of a version from the folders given."""
        path = find_recipe(recipes, name, version)
        if path is None:
            raise DeploymentError(f"{recipes} has no recipe of {name} {version}")
        limits = self._settings.limits
        recipe = load_recipe(path, nucleus=limits.name, as_text=limits.yaml_is_text)
        kept = self._settings.recipe_path(recipe.name, recipe.version)
        if path.resolve() != kept.resolve():
            write_whole(kept, path.read_bytes())
        if artifacts:
            add_artifacts(self._settings, recipe, Path(str(artifacts)))
        return recipe

    # ---- parts ----

    def _order(self) -> list[str]:
        """Return who starts after whom; a need that is gone keeps nobody else from starting."""
        try:
            return start_order(self._recipes())
        except DeploymentError as error:
            log.error("%s", error)
            return sorted(self._components)

    def _recipes(self) -> dict[str, Recipe]:
        return {name: component.recipe for name, component in self._components.items()}

    def _add(self, recipe: Recipe, configuration: Configuration | None = None) -> Component:
        most = self._settings.limits.configuration_value_bytes_max
        component = Component(
            recipe=recipe,
            configuration=configuration or Configuration(recipe.defaults, value_bytes_max=most),
            settings=self._settings,
            environment=self._environment,
            others=self._others,
            ended=self._component_ended,
            retry_s=self._retry_s,
        )
        self._components[recipe.name] = component
        return component

    def _environment(self, component: Component, own: Mapping[str, str]) -> dict[str, str]:
        port = self._credentials_port if component.recipe.needs_credentials else 0
        return environment_of(self._settings, component.token, credentials_port=port, own=own)

    def _others(self, component: Component) -> dict[str, Variables]:
        if self._settings.nucleus == "lite":
            return {}  # it knows no variables of dependencies
        names = [need.name for need in component.recipe.dependencies]
        return {
            name: self._components[name].variables() for name in names if name in self._components
        }

    def _policy_variables(self) -> dict[str, str]:
        if not self._settings.limits.expands_thing_name:
            return {}
        return {"{iot:thingName}": self._settings.thing}

    def _remember(self, deployment_id: str, status: str, reason: str = "") -> None:
        self._deployments[deployment_id] = {
            "deploymentId": deployment_id,
            "status": status,
            **({"reason": reason} if reason else {}),
        }
        while len(self._deployments) > DEPLOYMENTS_MAX:
            del self._deployments[next(iter(self._deployments))]

    def _kept(self) -> dict[str, Any]:
        path = self._settings.root / "config.json"
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {"components": {}, "groups": {}}
        except (OSError, ValueError) as error:
            raise NucleusError(f"{path} can't be read: {error}; remove it to begin anew") from error
        return dict(document)

    def _keep(self) -> None:
        document = {
            "components": {
                name: {
                    "version": one.recipe.version,
                    "configuration": one.configuration.to_document(),
                }
                for name, one in self._components.items()
            },
            "groups": self._groups,
        }
        write_whole(self._settings.root / "config.json", json.dumps(document).encode())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
