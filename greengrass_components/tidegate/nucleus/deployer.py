"""Brings the components to what a deployment asks, or back to what they were.

Flow: deployment -> configuration -> plan -> stop, start -> [deployer] -> outcome
Bounded: one deployment at a time; others wait for it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.ipc.authorization import parse_access_control
from tidegate.ipc.ports import KeyPath
from tidegate.nucleus.component import BROKEN
from tidegate.nucleus.configuration import Configuration
from tidegate.nucleus.dependencies import start_order
from tidegate.nucleus.deployed import Deployed
from tidegate.nucleus.deployment import (
    DO_NOTHING,
    Change,
    Deployment,
    Plan,
    needs_restart,
    plan,
)
from tidegate.nucleus.deployment_history import FAILED, IN_PROGRESS, SUCCEEDED, DeploymentHistory
from tidegate.nucleus.errors import ConfigurationError, DeploymentError, NucleusError
from tidegate.nucleus.recipe import Recipe
from tidegate.nucleus.settings import Settings

log = logging.getLogger(__name__)

SETTLE_S_MAX = 900.0  # installs have timeouts of their own; this bounds those without


class Deployer:
    """Changes `deployed`; `changed` is called after each change that was carried out."""

    def __init__(
        self,
        settings: Settings,
        deployed: Deployed,
        history: DeploymentHistory,
        changed: Callable[[], None],
    ) -> None:
        self._settings, self._deployed = settings, deployed
        self._history, self._changed = history, changed
        self._deploying = asyncio.Lock()

    async def deploy(self, deployment: Deployment) -> None:
        """Bring the components to what `deployment` asks; raises `DeploymentError`.

        A failure is rolled back, unless the deployment says to leave it.
        """
        async with self._deploying:
            before = self._deployed.recipes()
            kept = {one.name: one.configuration.to_document() for one in self._deployed.values()}
            groups = {name: list(members) for name, members in self._deployed.groups.items()}
            self._history.note(deployment.deployment_id, IN_PROGRESS)
            try:
                await self._apply(deployment, before)
            except (NucleusError, OSError) as error:
                try:
                    if deployment.on_failure != DO_NOTHING:
                        await self._roll_back(before, kept, groups)
                finally:
                    self._history.note(deployment.deployment_id, FAILED, str(error))
                raise DeploymentError(str(error)) from error
            self._history.note(deployment.deployment_id, SUCCEEDED)

    async def restart(self, name: str) -> None:
        """Restart a component and who can't run without it."""
        async with self._deploying:
            recipes = self._deployed.recipes()
            await self._carry_out(plan(recipes, recipes, [name]), recipes)

    async def _apply(self, deployment: Deployment, before: Mapping[str, Recipe]) -> None:
        others = {
            name
            for group, members in self._deployed.groups.items()
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
            if name not in changed and name in before and self._deployed[name].state == BROKEN
        ]
        steps = plan(before, after, changed)
        self._deployed.groups[deployment.group] = list(deployment.changes)
        await self._carry_out(steps, after)
        broken = [name for name in steps.start if self._deployed[name].state == BROKEN]
        if broken:
            reasons = "; ".join(f"{name}: {self._deployed[name].reason}" for name in broken)
            raise DeploymentError(f"{reasons}: see the log of {broken[0]}")

    def _configure(self, changes: Mapping[str, Change], before: Mapping[str, Recipe]) -> list[str]:
        """Merge the configurations, and return who must restart for it."""
        restart = []
        for name, change in changes.items():
            existing = self._deployed.find(name)
            paths: list[KeyPath] = []
            with contextlib.ExitStack() as stack:
                try:
                    configuration = (
                        existing.configuration
                        if existing
                        else self._deployed.fresh_configuration(change.recipe)
                    )
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
                self._deployed.add(change.recipe, configuration)
            elif paths and (
                self._settings.limits.restarts_on_configuration
                or needs_restart(change.recipe, paths)
            ):
                restart.append(name)
        self._deployed.keep()
        return restart

    def _check_access_control(self, name: str, configuration: Configuration) -> None:
        _, mistakes = parse_access_control(configuration.value().get("accessControl"))
        if not mistakes:
            return
        if self._settings.nucleus == "lite":
            raise DeploymentError(f"{name}: {'; '.join(mistakes)}")
        log.warning("%s: ignored %s", name, "; ".join(mistakes))

    async def _carry_out(self, steps: Plan, after: Mapping[str, Recipe]) -> None:
        for name in steps.stop:
            await self._deployed[name].stop()
            self._deployed.ended(name)
            if name not in after:
                self._deployed.remove(name)
                continue
            recipe = after[name]
            if self._deployed[name].recipe is not recipe:
                old = self._deployed[name]
                old.close()
                self._deployed.add(recipe, old.configuration)
        self._deployed.keep()
        for name in steps.start:
            self._deployed[name].start()
            state = await self._deployed[name].wait_settled(SETTLE_S_MAX)
            log.info("%s %s is %s", name, self._deployed[name].recipe.version, state)
        self._changed()

    async def _roll_back(
        self,
        before: Mapping[str, Recipe],
        kept: Mapping[str, list[list[Any]]],
        groups: dict[str, list[str]],
    ) -> None:
        log.warning("rolling back to %d components", len(before))
        for name in self._deployed:
            one = self._deployed[name]
            as_before = (
                one.recipe is before.get(name) and one.configuration.to_document() == kept[name]
            )
            if not as_before:
                await one.stop()
                self._deployed.remove(name)
        self._deployed.groups = groups
        again = [name for name in start_order(before) if name not in self._deployed]
        for name in again:
            self._deployed.add(before[name]).configuration.from_document(kept[name])
        self._deployed.keep()
        for name in again:
            self._deployed[name].start()
            await self._deployed[name].wait_settled(SETTLE_S_MAX)
        self._changed()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
