"""The keys of a recipe: which there are, how they are written, what nobody reads.

Lite compares keys with their case and ignores unknown ones; GDK's schema refuses some of them.
"""

from collections.abc import Iterator
from typing import Any

from tidectl.recipe_lint.finding import (
    BOTH,
    LITE,
    WARNING,
    Finding,
    lifecycles,
    manifests,
    of,
    steps,
)
from tidegate.nucleus.recipe import NAME, VERSION

TOP = ("RecipeFormatVersion", "ComponentName", "ComponentVersion", "ComponentDescription",
       "ComponentPublisher", "ComponentConfiguration", "ComponentDependencies", "ComponentType",
       "ComponentSource", "Manifests", "Lifecycle")  # fmt: skip
MANIFEST = ("Name", "Platform", "Lifecycle", "Artifacts", "Selections")
LIFECYCLE = ("bootstrap", "install", "run", "startup", "shutdown", "recover", "Setenv")
STEP = ("Script", "Timeout", "RequiresPrivilege", "Setenv", "Skipif")
ARTIFACT = ("Uri", "URI", "Unarchive", "Permission", "Digest", "Algorithm")
UNARCHIVE, READERS = ("NONE", "ZIP"), ("NONE", "OWNER", "ALL")
TYPES = ("aws.greengrass.generic", "aws.greengrass.lambda", "aws.greengrass.plugin",
         "aws.greengrass.nucleus")  # fmt: skip


def check(document: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the recipe's keys and its head."""
    yield from _keys("", document, TOP)
    yield from _head(document)
    entries = document.get("Manifests")
    if "Manifests" in document and not isinstance(entries, list):
        yield Finding("manifests-list", "Manifests", "is no list")
    for where, manifest in manifests(document):
        yield from _keys(where, manifest, MANIFEST)
        yield from _artifacts(where, manifest)
    for where, lifecycle in lifecycles(document):
        yield from _keys(where, lifecycle, LIFECYCLE)
    for where, _, settings in steps(document):
        yield from _keys(where, settings, STEP)
    yield from _dependencies(document)


def _keys(where: str, mapping: dict[str, Any], known: tuple[str, ...]) -> Iterator[Finding]:
    by_lower = {name.lower(): name for name in known}
    for key in mapping:
        if key in known:
            continue
        at = f"{where}.{key}" if where else str(key)
        meant = by_lower.get(str(key).lower())
        if meant:
            yield Finding("key-case", at, f"lite reads {meant} only, as it is written here", LITE)
        else:
            yield Finding("unknown-key", at, "nobody reads it", BOTH, WARNING)


def _head(document: dict[str, Any]) -> Iterator[Finding]:
    if document.get("RecipeFormatVersion") != "2020-01-25":
        yield Finding("format-version", "RecipeFormatVersion", "is not '2020-01-25'")
    name = document.get("ComponentName")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield Finding("component-name", "ComponentName", f"{name!r} is no name of a component")
    elif name.startswith("aws.greengrass."):
        yield Finding(
            "reserved-name", "ComponentName", f"{name} would take the place of AWS's on the device"
        )
    version = str(document.get("ComponentVersion"))
    if not VERSION.fullmatch(version):
        yield Finding("component-version", "ComponentVersion", f"{version} is not plain x.y.z")
    kind = document.get("ComponentType", TYPES[0])
    if kind not in TYPES:
        yield Finding("component-type", "ComponentType", f"{kind} is none that there is")
    elif kind != TYPES[0]:
        yield Finding("component-type", "ComponentType", f"lite ignores {kind}", LITE, WARNING)


def _artifacts(where: str, manifest: dict[str, Any]) -> Iterator[Finding]:
    for position, artifact in enumerate(manifest.get("Artifacts") or ()):
        at = f"{where}.Artifacts[{position}]"
        if not isinstance(artifact, dict) or not (artifact.get("Uri") or artifact.get("URI")):
            yield Finding("artifact-uri", at, "has no Uri")
            continue
        yield from _keys(at, artifact, ARTIFACT)
        unarchive = artifact.get("Unarchive", "NONE")
        if unarchive not in UNARCHIVE:
            yield Finding("artifact-unarchive", at, f"Unarchive is {unarchive}, not NONE or ZIP")
        elif unarchive == "ZIP":
            yield Finding("artifact-unarchive", at,
                          "lite does not unpack what is deployed locally: let a script do it",
                          LITE, WARNING)  # fmt: skip
        for right, who in (artifact.get("Permission") or {}).items():
            if right not in ("Read", "Execute") or who not in READERS:
                yield Finding("artifact-permission", at, f"{right}: {who} is no permission")


def _dependencies(document: dict[str, Any]) -> Iterator[Finding]:
    entries = document.get("ComponentDependencies")
    if entries is not None and not isinstance(entries, dict):
        yield Finding("dependency", "ComponentDependencies", "is no mapping")
        return
    for name, entry in (entries or {}).items():
        where = f"ComponentDependencies.{name}"
        requirement = of(entry, "VersionRequirement")
        if not isinstance(requirement, str) or not requirement:
            yield Finding("dependency", where, "has no VersionRequirement")
        elif any(mark in requirement for mark in "^~"):
            yield Finding("caret-range", where,
                          f"{requirement}: lite takes comparators only, as '>=1.0.0 <2.0.0'",
                          LITE)  # fmt: skip
        if of(entry, "DependencyType") not in (None, "HARD", "SOFT"):
            yield Finding("dependency", where, "DependencyType is not HARD or SOFT")
