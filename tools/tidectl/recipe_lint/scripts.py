"""The steps of a lifecycle: what either nucleus does with them, and what their braces become.

Lite cuts a script at a brace that is none of its variables; what stands before it then succeeds.
"""

import re
from collections.abc import Iterator
from typing import Any

from tidectl.recipe_lint.finding import LITE, WARNING, Finding, lifecycles, of, steps
from tidegate.nucleus.configuration import Configuration, parse_pointer
from tidegate.nucleus.errors import ConfigurationError, ConfigurationMissingError
from tidegate.nucleus.interpolation import is_variable

_BRACES = re.compile(r"\$?\{[^{}]*\}?")
_POINTER = re.compile(r"\{configuration:([^{}]*)\}")
_ARTIFACT_START = re.compile(r'^\s*(?:exec\s+)?["\']?\{artifacts:(?:path|decompressedPath)\}/')
_SLOW = ("pip", "install.py", "venv", "apt")


def check(document: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the steps."""
    for where, lifecycle in lifecycles(document):
        names = {str(key).lower() for key in lifecycle}
        if {"run", "startup"} <= names:
            yield Finding("run-and-startup", where, "a component has one of run and startup")
        yield from _environment(where, lifecycle)
    for where, name, settings in steps(document):
        yield from _step(where, name, settings)
        yield from _environment(where, settings)
        script = settings.get("Script", settings.get("script"))
        if isinstance(script, str):
            yield from _script(where, script, document)
        elif name in ("install", "run", "startup", "bootstrap"):
            yield Finding("no-script", where, "has no Script")


def _step(where: str, name: str, settings: dict[str, Any]) -> Iterator[Finding]:
    if name == "startup":
        yield Finding("startup", where,
                      "lite on Debian 12 always fails it (systemd 252): use run", LITE)  # fmt: skip
    if name == "bootstrap":
        yield Finding("bootstrap", where, "lite restarts the machine for it", LITE, WARNING)
    if name in ("shutdown", "recover"):
        yield Finding("ignored-step", where, "lite does not run it", LITE, WARNING)
    if settings.get("Skipif"):
        yield Finding("skipif", where, "lite runs the step regardless", LITE, WARNING)
    timeout = settings.get("Timeout")
    if timeout is not None:
        if not str(timeout).replace(".", "", 1).isdigit():
            yield Finding("timeout", where, f"Timeout {timeout!r} is no number of seconds")
        elif name == "run":
            yield Finding("run-timeout", where, "lite has no Timeout for run", LITE, WARNING)
    script = str(settings.get("Script", ""))
    if name == "install" and timeout is None and any(word in script for word in _SLOW):
        yield Finding("install-timeout", where, "120 s unless told: too short for a small gateway")


def _environment(where: str, settings: dict[str, Any]) -> Iterator[Finding]:
    variables = settings.get("Setenv")
    if variables is None:
        return
    if not isinstance(variables, dict):
        yield Finding("setenv", f"{where}.Setenv", "is no mapping")
        return
    for name, value in variables.items():
        at = f"{where}.Setenv.{name}"
        if not isinstance(value, str):
            yield Finding("setenv-type", at, f"{value!r} is no text: lite then runs nothing", LITE)
        elif " " in value:
            yield Finding("setenv-space", at, "lite 2.6.0 cuts it at its first space", LITE)


def _script(where: str, script: str, document: dict[str, Any]) -> Iterator[Finding]:
    for found in _BRACES.findall(script):
        if found.startswith("$") or not is_variable(found):
            yield Finding("brace", where,
                          f"{found}: lite cuts the script there; only recipe variables have braces",
                          LITE)  # fmt: skip
    defaults = of(document, "ComponentConfiguration", "DefaultConfiguration")
    for pointer in _POINTER.findall(script):
        try:
            Configuration(defaults if isinstance(defaults, dict) else {}).value(
                parse_pointer(pointer)
            )
        except (ConfigurationMissingError, ConfigurationError):
            yield Finding("missing-configuration", where,
                          f"{pointer} has no default: nothing would run")  # fmt: skip
    if _ARTIFACT_START.match(script):
        yield Finding("no-interpreter", where,
                      "a file deployed locally is not executable on lite: name its interpreter",
                      LITE)  # fmt: skip
    if "{artifacts:decompressedPath}" in script:
        yield Finding("decompressed-path", where,
                      "is empty on lite's local route: let install open the zip", LITE)  # fmt: skip
