"""A component's recipe, as both nuclei read it: YAML or JSON, and the part for this machine.

Source: AWS IoT Greengrass, "component recipe reference". Keys of a lifecycle are read in any
case, as the classic nucleus reads them; what nucleus lite would refuse the lint tells.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tidegate.nucleus.errors import RecipeError

STEPS = ("bootstrap", "install", "run", "startup", "shutdown", "recover")
TIMEOUTS_S: Mapping[str, float | None] = {
    "bootstrap": 120, "install": 120, "run": None, "startup": 120, "shutdown": 15, "recover": 60,
}  # fmt: skip
VERSION = re.compile(r"\d+\.\d+\.\d+")
NAME = re.compile(r"[a-zA-Z0-9-_.]{1,128}")
RUNTIMES = {"classic": "aws_nucleus_classic", "lite": "aws_nucleus_lite"}


@dataclass(frozen=True, slots=True)
class Step:
    """One script of the lifecycle; `timeout_s` None waits for ever."""

    name: str
    script: str
    timeout_s: float | None
    environment: Mapping[str, str] = field(default_factory=dict)
    requires_privilege: bool = False
    skip_if: str = ""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another component that this one needs."""

    name: str
    requirement: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of the component."""

    uri: str
    unarchive: bool
    digest: str = ""

    @property
    def name(self) -> str:
        """The file's name, which is all that counts on a local route."""
        return self.uri.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One version of one component, for this machine."""

    name: str
    version: str
    defaults: Mapping[str, Any]
    dependencies: tuple[Dependency, ...]
    steps: Mapping[str, Step]
    artifacts: tuple[Artifact, ...]
    text: str = field(default="", repr=False)

    @property
    def needs_credentials(self) -> bool:
        """Whether it depends on the token exchange service."""
        return any(one.name == "aws.greengrass.TokenExchangeService" for one in self.dependencies)


def load_recipe(path: Path, *, nucleus: str = "classic", as_text: bool = False) -> Recipe:
    """Return the recipe in a file; raises `RecipeError`.

    `as_text` makes every scalar of YAML a text, as nucleus lite's local route has it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(path, f"can't be read: {error}") from error
    return parse_recipe(text, where=path, nucleus=nucleus, as_text=as_text)


def parse_recipe(
    text: str, *, where: object = "recipe", nucleus: str = "classic", as_text: bool = False
) -> Recipe:
    """Return the recipe that `text` is; raises `RecipeError`."""
    document = parse_document(text, where, as_text=as_text)
    name, version = document.get("ComponentName"), str(document.get("ComponentVersion", ""))
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RecipeError(where, "ComponentName is missing, or no name")
    if not VERSION.fullmatch(version):
        raise RecipeError(where, f"ComponentVersion is {version or 'missing'}, not x.y.z")
    configuration = document.get("ComponentConfiguration") or {}
    defaults = (
        configuration.get("DefaultConfiguration") or {} if isinstance(configuration, dict) else None
    )
    if not isinstance(defaults, dict):
        raise RecipeError(where, "ComponentConfiguration.DefaultConfiguration is no mapping")
    manifest = _manifest(document, where, nucleus)
    return Recipe(
        name,
        version,
        defaults,
        _dependencies(document, where),
        _steps(document, manifest, where),
        _artifacts(manifest, where),
        text,
    )


def parse_document(text: str, where: object = "recipe", *, as_text: bool = False) -> dict[str, Any]:
    """Return the mapping that a recipe is; raises `RecipeError`."""
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else _load_yaml(text, as_text)
    except (ValueError, yaml.YAMLError) as error:
        raise RecipeError(where, f"is neither YAML nor JSON: {error}") from error
    if not isinstance(document, dict):
        raise RecipeError(where, "is no mapping")
    return document


def _load_yaml(text: str, as_text: bool) -> Any:
    return yaml.load(text, yaml.BaseLoader if as_text else yaml.SafeLoader)  # noqa: S506  both are safe


def _manifest(document: Mapping[str, Any], where: object, nucleus: str) -> Mapping[str, Any]:
    manifests = document.get("Manifests") or [{}]
    if not isinstance(manifests, list):
        raise RecipeError(where, "Manifests is no list")
    for manifest in manifests:
        platform = (manifest or {}).get("Platform") or {}
        runtime = platform.get("runtime")
        fits = runtime in ("*", RUNTIMES[nucleus]) or (nucleus == "classic" and runtime is None)
        if fits and platform.get("os", "linux") in ("linux", "*", "all"):
            return dict(manifest or {})
    raise RecipeError(where, f"has no manifest for Linux and nucleus {nucleus}")


def _dependencies(document: Mapping[str, Any], where: object) -> tuple[Dependency, ...]:
    entries = document.get("ComponentDependencies") or {}
    if not isinstance(entries, dict):
        raise RecipeError(where, "ComponentDependencies is no mapping")
    found = []
    for name, entry in entries.items():
        facts = entry or {}
        if not isinstance(facts, dict):
            raise RecipeError(where, f"the dependency {name} is no mapping")
        hard = str(facts.get("DependencyType", "HARD")).upper() != "SOFT"
        found.append(Dependency(name, str(facts.get("VersionRequirement", "")), hard))
    return tuple(found)


def _steps(
    document: Mapping[str, Any], manifest: Mapping[str, Any], where: object
) -> dict[str, Step]:
    lifecycle = manifest.get("Lifecycle")
    if lifecycle is None:
        whole = document.get("Lifecycle") or {}
        lifecycle = whole.get("linux") or whole.get("all") or {}
    if not isinstance(lifecycle, dict):
        raise RecipeError(where, "Lifecycle is no mapping")
    shared = _environment(lifecycle.get("Setenv") or lifecycle.get("setenv"), where)
    steps = {}
    for key, entry in lifecycle.items():
        name = key.lower()
        if name in STEPS:
            steps[name] = _step(name, entry, shared, where)
    if "run" in steps and "startup" in steps:
        raise RecipeError(where, "has both run and startup: one of them starts a component")
    return steps


def _step(name: str, entry: Any, shared: Mapping[str, str], where: object) -> Step:
    if isinstance(entry, str):
        return Step(name, entry, TIMEOUTS_S[name], shared)
    if not isinstance(entry, dict):
        raise RecipeError(where, f"the step {name} is neither a script nor a mapping")
    facts = {key.lower(): value for key, value in entry.items()}
    script = facts.get("script")
    if not isinstance(script, str) or not script.strip():
        raise RecipeError(where, f"the step {name} has no Script")
    timeout_s = TIMEOUTS_S[name]
    if "timeout" in facts:
        try:
            timeout_s = float(facts["timeout"])
        except (TypeError, ValueError) as error:
            raise RecipeError(where, f"Timeout of {name} is no number of seconds") from error
    return Step(
        name,
        script,
        timeout_s,
        {**shared, **_environment(facts.get("setenv"), where)},
        str(facts.get("requiresprivilege", "false")).lower() == "true",
        str(facts.get("skipif") or ""),
    )


def _environment(entry: Any, where: object) -> dict[str, str]:
    if entry in (None, ""):
        return {}
    if not isinstance(entry, dict):
        raise RecipeError(where, "Setenv is no mapping")
    return {str(name): str(value) for name, value in entry.items()}


def _artifacts(manifest: Mapping[str, Any], where: object) -> tuple[Artifact, ...]:
    found = []
    for entry in manifest.get("Artifacts") or []:
        facts = {str(key).lower(): value for key, value in (entry or {}).items()}
        uri = facts.get("uri")
        if not isinstance(uri, str):
            raise RecipeError(where, "an artifact has no Uri")
        unarchive = str(facts.get("unarchive", "NONE")).upper() == "ZIP"
        found.append(Artifact(uri, unarchive, str(facts.get("digest") or "")))
    return tuple(found)
