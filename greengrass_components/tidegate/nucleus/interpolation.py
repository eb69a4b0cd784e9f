"""Put values into a script of a recipe.

`{artifacts:path}`, `{artifacts:decompressedPath}`, `{work:path}`, `{kernel:rootPath}`,
`{iot:thingName}`, `{configuration:/json/pointer}`, and with the name of a dependency in front,
`{other.component:artifacts:path}`, which the classic nucleus alone has.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.nucleus.configuration import parse_pointer
from tidegate.nucleus.errors import ConfigurationError, InterpolationError

VARIABLE = re.compile(
    r"\{(?:([a-zA-Z0-9_.-]+):)?(artifacts|work|kernel|iot|configuration):([^{}]+)\}"
)
_KEYS = {
    "artifacts": ("path", "decompressedPath"),
    "work": ("path",),
    "kernel": ("rootPath",),
    "iot": ("thingName",),
}


@dataclass(frozen=True, slots=True)
class Variables:
    """Where the files of one component are, and how to read its configuration."""

    artifacts: Path
    decompressed: Path
    work: Path
    root: Path
    thing: str
    configuration: Callable[[tuple[str, ...]], Any]


def interpolate(script: str, own: Variables, others: Mapping[str, Variables] | None = None) -> str:
    """Return `script` with its variables replaced; raises `InterpolationError`.

    `others` are those of the component's dependencies. Braces that are no variable stay.
    """

    def replace(match: re.Match[str]) -> str:
        component, space, key = match[1], match[2], match[3]
        variables = own
        if component:
            if component not in (others or {}):
                raise InterpolationError(f"{match[0]}: {component} is no dependency")
            variables = (others or {})[component]
        return _value(match[0], variables, space, key)

    return VARIABLE.sub(replace, script)


def is_variable(text: str) -> bool:
    """Return whether `text` is a recipe variable that both nuclei know."""
    match = VARIABLE.fullmatch(text)
    if match is None or match[1]:
        return False
    return match[2] == "configuration" or match[3] in _KEYS[match[2]]


def _value(whole: str, variables: Variables, space: str, key: str) -> str:
    if space == "configuration":
        try:
            value = variables.configuration(parse_pointer(key))
        except ConfigurationError as error:
            raise InterpolationError(f"{whole}: {error}") from error
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if key not in _KEYS[space]:
        raise InterpolationError(f"{whole} is no variable; known: {', '.join(_KEYS[space])}")
    paths = {
        ("artifacts", "path"): variables.artifacts,
        ("artifacts", "decompressedPath"): variables.decompressed,
        ("work", "path"): variables.work,
        ("kernel", "rootPath"): variables.root,
    }
    return variables.thing if space == "iot" else str(paths[space, key])
