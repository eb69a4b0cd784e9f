"""Check recipes before a device does: every rule of classic, of lite, and of GDK's schema.

Flow: file -> [lint] -> findings
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tidectl.recipe_lint import configuration, platform, scripts, shape
from tidectl.recipe_lint.finding import BOTH, ERROR, LITE, Finding
from tidegate.nucleus.errors import RecipeError
from tidegate.nucleus.recipe import parse_document

# Lite's own limit is 8,196 bytes of a file.
RECIPE_BYTES_MAX = 8_192
_VERSIONED = re.compile(r"(.+)-(\d+\.\d+\.\d+)\.(?:yaml|yml|json)")
_CHECKS = (shape.check, platform.check, scripts.check, configuration.check)


def recipes_in(path: Path) -> list[Path]:
    """Return the recipes at a path: a file, a component's folder, or a folder of either."""
    if path.is_file():
        return [path]
    patterns = ("recipe.yaml", "recipe.json", "*/recipe.yaml", "*/recipe.json", "recipes/*",
                "*-[0-9]*.yaml", "*-[0-9]*.json")  # fmt: skip
    found = {one for pattern in patterns for one in path.glob(pattern) if one.is_file()}
    return sorted(found)


def lint(path: Path) -> list[Finding]:
    """Return what is wrong with the recipe in a file."""
    try:
        data = path.read_bytes()
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        return [Finding("unreadable", "", f"can't be read: {error}")]
    findings = []
    if len(data) > RECIPE_BYTES_MAX:
        message = f"{len(data)} bytes; lite takes {RECIPE_BYTES_MAX} at most"
        findings.append(Finding("recipe-size", "", message, LITE))
    try:
        document = parse_document(text, path.name)
    except RecipeError as error:
        return [*findings, Finding("broken", "", error.reason)]
    findings += lint_document(document)
    return [*findings, *_file_name(path, document)]


def lint_document(document: dict[str, Any]) -> list[Finding]:
    """Return what is wrong with a recipe that was read."""
    return [finding for check in _CHECKS for finding in check(document)]


def lint_together(paths: list[Path]) -> dict[Path, list[Finding]]:
    """Return the findings of each file, and of what they share on one device."""
    findings = {path: lint(path) for path in paths}
    seen: dict[str, Path] = {}
    for path in paths:
        for policy_id in _policy_ids(path):
            other = seen.setdefault(policy_id, path)
            if other != path:
                message = f"{policy_id} is in {other} too; an id is unique on a device"
                findings[path].append(Finding("policy-id", "accessControl", message, BOTH, ERROR))
    return findings


def _policy_ids(path: Path) -> Iterator[str]:
    try:
        document = parse_document(path.read_text(), path.name)
    except (RecipeError, OSError, UnicodeDecodeError):
        return
    yield from configuration.policy_ids(document)


def _file_name(path: Path, document: dict[str, Any]) -> Iterator[Finding]:
    match = _VERSIONED.fullmatch(path.name)
    if match is None:
        return  # a recipe in its component's folder
    for key, expected in (("ComponentName", match[1]), ("ComponentVersion", match[2])):
        if str(document.get(key)) != expected:
            message = f"{document.get(key)} is not what the file's name says: {expected}"
            yield Finding("file-name", key, message, LITE)
