"""What the lint says of a recipe: a rule, where, and on which nucleus."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CLASSIC, LITE, BOTH = "classic", "lite", "both"
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`nucleus` is where it matters; an error fails a deployment or a component there."""

    rule: str
    where: str
    message: str
    nucleus: str = BOTH
    severity: str = ERROR

    def matters_on(self, nucleus: str) -> bool:
        """Return whether it matters to who deploys to `nucleus`, or to both."""
        return BOTH in (nucleus, self.nucleus) or nucleus == self.nucleus


def of(value: Any, *keys: str) -> Any:
    """Return what is below `keys`, else None; whatever has another shape is no business here."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def manifests(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where and what each manifest is, of those that are mappings."""
    entries = document.get("Manifests")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield f"Manifests[{position}]", entry


def lifecycles(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where and what each lifecycle is, the global one's selections included."""
    for where, manifest in manifests(document):
        if isinstance(manifest.get("Lifecycle"), dict):
            yield f"{where}.Lifecycle", manifest["Lifecycle"]
    whole = document.get("Lifecycle")
    for name, lifecycle in whole.items() if isinstance(whole, dict) else ():
        if isinstance(lifecycle, dict):
            yield f"Lifecycle.{name}", lifecycle


def steps(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield where, name (lower case) and settings of each step; a bare script is its Script."""
    for where, lifecycle in lifecycles(document):
        for key, entry in lifecycle.items():
            name = str(key).lower()
            if name == "setenv":
                continue
            settings = {"Script": entry} if isinstance(entry, str) else entry
            if isinstance(settings, dict):
                yield f"{where}.{key}", name, settings
