"""Which component starts after which, and which version another takes."""

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from tidegate.nucleus.errors import DeploymentError
from tidegate.nucleus.recipe import Recipe

# Part of every nucleus, or of this one: nothing is to be started for them.
BUILT_IN = frozenset(
    {"aws.greengrass.Nucleus", "aws.greengrass.NucleusLite", "aws.greengrass.TokenExchangeService",
     "aws.greengrass.Cli"}
)  # fmt: skip
_COMPARATOR = re.compile(r"(>=|<=|>|<|=)?\s*v?(\d+)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?")


def start_order(recipes: Mapping[str, Recipe]) -> list[str]:
    """Return the names so that each stands behind what it needs; raises `DeploymentError`.

    A hard dependency must be there and fit; a soft one only orders, when it is there.
    """
    graph: dict[str, list[str]] = {}
    for name, recipe in sorted(recipes.items()):
        graph[name] = []
        for need in recipe.dependencies:
            if need.name in BUILT_IN:
                continue
            other = recipes.get(need.name)
            if other is None:
                if need.hard:
                    raise DeploymentError(
                        f"{name} needs {need.name} {need.requirement}, which is not deployed"
                    )
                continue
            if need.requirement and not satisfies(other.version, need.requirement):
                raise DeploymentError(
                    f"{name} needs {need.name} {need.requirement}, and {other.version} is deployed"
                )
            graph[name].append(need.name)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise DeploymentError(
            f"components need each other: {' -> '.join(error.args[1])}"
        ) from error


def hard_dependents(recipes: Mapping[str, Recipe], name: str) -> Iterable[str]:
    """Return who can't run without `name`."""
    return [
        other
        for other, recipe in recipes.items()
        if any(need.hard and need.name == name for need in recipe.dependencies)
    ]


def satisfies(version: str, requirement: str) -> bool:
    """Return whether `version` fits a requirement as `>=2.1.0 <3.0.0`, `^1.2.0` or `1.x`."""
    have = _numbers(version)
    for alternative in requirement.split("||"):
        if all(_fits(have, part) for part in _parts(alternative)):
            return True
    return False


def _parts(text: str) -> list[str]:
    return re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", text.strip()).split()


def _fits(have: tuple[int, int, int], part: str) -> bool:
    if part == "*":
        return True
    if part[0] in "^~":
        low = _numbers(part[1:])
        if part[0] == "~":
            return low <= have < (low[0], low[1] + 1, 0)
        lead = next((index for index, number in enumerate(low) if number), 2)
        high = tuple(number + 1 if at == lead else number if at < lead else 0
                     for at, number in enumerate(low))  # fmt: skip
        return low <= have < high
    match = _COMPARATOR.fullmatch(part)
    if match is None:
        raise DeploymentError(f"{part!r} is no version requirement")
    numbers = [match[2], match[3], match[4]]
    want = tuple(int(number) if (number or "").isdigit() else 0 for number in numbers)
    given = sum(1 for number in numbers if (number or "").isdigit())
    sign = match[1] or "="
    if sign == "=":
        return have[:given] == want[:given]
    return {">=": have >= want, "<=": have <= want, ">": have > want, "<": have < want}[sign]


def _numbers(version: str) -> tuple[int, int, int]:
    core = re.split("[-+]", version, maxsplit=1)[0]
    try:
        first, second, third = (int(part) for part in [*core.split("."), "0", "0"][:3])
    except ValueError as error:
        raise DeploymentError(f"{version!r} is no version") from error
    return first, second, third
