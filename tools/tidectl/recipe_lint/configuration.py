"""The default configuration, and the rights in it."""

import json
from collections.abc import Iterator
from typing import Any

from tidectl.recipe_lint.finding import LITE, WARNING, Finding, of
from tidegate.ipc.authorization import parse_access_control
from tidegate.ipc.limits import LITE as LITE_LIMITS

KEYS_MAX, CHILDREN_MAX = 256, 64
_POLICY_DEPTH = 2


def check(document: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the configuration."""
    defaults = of(document, "ComponentConfiguration", "DefaultConfiguration")
    if defaults is None:
        return
    base = "ComponentConfiguration.DefaultConfiguration"
    if not isinstance(defaults, dict):
        yield Finding("configuration-mapping", base, "is no mapping")
        return
    keys = 0
    for where, value in _walk(base, defaults):
        keys += 1
        if isinstance(value, dict):
            if len(value) > CHILDREN_MAX:
                yield Finding("configuration-children", where,
                              f"{len(value)} keys; lite returns {CHILDREN_MAX} of an object",
                              LITE)  # fmt: skip
            continue
        yield from _value(where, value)
    if keys > KEYS_MAX:
        yield Finding("configuration-keys", base, f"{keys} keys; lite keeps {KEYS_MAX}", LITE)
    yield from _access_control(base, defaults.get("accessControl"))


def policy_ids(document: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of its policies, which are to be unique on a core device."""
    control = of(document, "ComponentConfiguration", "DefaultConfiguration", "accessControl")
    for policies in control.values() if isinstance(control, dict) else ():
        yield from (str(name) for name in policies) if isinstance(policies, dict) else ()


def _value(where: str, value: Any) -> Iterator[Finding]:
    most = LITE_LIMITS.configuration_value_bytes_max or 0
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    if size > most:
        yield Finding("configuration-value", where,
                      f"{size} bytes; lite takes {most} of one value, and a list is one: use a map",
                      LITE)  # fmt: skip
    if isinstance(value, str) and "{configuration:" in value:
        yield Finding("configuration-variable", where,
                      "lite puts no variables into configuration", LITE, WARNING)  # fmt: skip


def _access_control(base: str, control: Any) -> Iterator[Finding]:
    where = f"{base}.accessControl"
    for mistake in parse_access_control(control)[1]:
        yield Finding("access-control", where, f"{mistake}: lite fails the deployment")
    if "{iot:thingName}" in json.dumps(control):
        yield Finding("access-control-variable", where,
                      "lite 2.6.0 does not put in {iot:thingName}: use *", LITE)  # fmt: skip


def _walk(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield where, value
    for key, child in value.items() if isinstance(value, dict) else ():
        yield from _walk(f"{where}.{key}", child)
