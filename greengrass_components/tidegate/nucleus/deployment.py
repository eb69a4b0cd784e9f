"""What a deployment asks for, and what has to be stopped and started to get there.

Flow: CreateLocalDeployment | IoT job -> [deployment] -> nucleus
Pure: recipes and configurations in, a plan out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.nucleus.dependencies import hard_dependents, start_order
from tidegate.nucleus.errors import DeploymentError
from tidegate.nucleus.interpolation import VARIABLE
from tidegate.nucleus.recipe import Recipe

ROLLBACK, DO_NOTHING = "ROLLBACK", "DO_NOTHING"


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked of one component: its version's recipe and its configuration."""

    recipe: Recipe
    merge: Mapping[str, Any] = field(default_factory=dict)
    reset: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """The components that `group` shall have; those of other groups stay."""

    deployment_id: str
    group: str
    changes: Mapping[str, Change]
    on_failure: str = ROLLBACK


@dataclass(frozen=True, slots=True)
class Plan:
    """Names in the order to stop, and in the order to start."""

    stop: tuple[str, ...]
    start: tuple[str, ...]


def plan(
    before: Mapping[str, Recipe], after: Mapping[str, Recipe], reconfigured: Sequence[str]
) -> Plan:
    """Return what to do; `reconfigured` must restart though their version stays.

    Who hard-depends on a component that restarts, restarts too. Raises `DeploymentError`.
    """
    order = start_order(after)
    touched = {name for name in {*before, *after} if _differ(before.get(name), after.get(name))}
    touched |= set(reconfigured) & after.keys()
    waiting = list(touched)
    while waiting:
        for dependent in hard_dependents(after, waiting.pop()):
            if dependent not in touched:
                touched.add(dependent)
                waiting.append(dependent)
    gone = [name for name in before if name not in after]
    stop = [name for name in [*gone, *reversed(order)] if name in touched and name in before]
    return Plan(tuple(stop), tuple(name for name in order if name in touched))


def needs_restart(recipe: Recipe, paths: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the classic nucleus restarts a component when `paths` have changed.

    It does when a script or a Setenv names one of them.
    """
    texts = [step.script for step in recipe.steps.values()]
    texts += [value for step in recipe.steps.values() for value in step.environment.values()]
    named = [
        tuple(match[3].strip("/").split("/"))
        for text in texts
        for match in re.finditer(VARIABLE, text)
        if match[2] == "configuration" and not match[1]
    ]
    return any(
        path[: len(name)] == name or name[: len(path)] == path for path in paths for name in named
    )


def from_job(document: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> Deployment:
    """Return the deployment in the document of an IoT job; raises `DeploymentError`.

    `recipes` are those of every component of it, dependencies included.
    """
    try:
        wanted = document["components"]
        changes = {}
        for name, recipe in recipes.items():
            update = (wanted.get(name) or {}).get("configurationUpdate") or {}
            changes[name] = Change(recipe, update.get("merge") or {}, update.get("reset") or ())
        policies = document.get("failureHandlingPolicy", ROLLBACK)
        return Deployment(
            str(document["deploymentId"]), str(document.get("group", "")), changes, policies
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DeploymentError(f"the deployment document is broken: {error!r}") from error


def _differ(before: Recipe | None, after: Recipe | None) -> bool:
    if before is None or after is None:
        return True
    return (before.version, before.text) != (after.version, after.text)
