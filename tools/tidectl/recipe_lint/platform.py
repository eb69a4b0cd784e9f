"""Which devices a recipe runs on."""

from collections.abc import Iterator
from typing import Any

from tidectl.recipe_lint.finding import BOTH, LITE, WARNING, Finding, manifests, of
from tidegate.nucleus.recipe import STEPS

RUNTIMES = ("*", "aws_nucleus_lite")
_REGEX = set("/|()[]^$+")


def check(document: dict[str, Any]) -> Iterator[Finding]:
    """Yield what keeps a manifest from being chosen, and what has nothing to run."""
    entries = document.get("Manifests")
    if isinstance(entries, list) and not entries:
        yield Finding("no-manifest", "Manifests", "is empty: nothing would run")
    for where, manifest in manifests(document):
        yield from _platform(where, manifest)
        if not _runs(manifest.get("Lifecycle")) and not _runs_globally(document):
            yield Finding("no-lifecycle", where, "has no step of a lifecycle")
    architectures = [
        of(manifest, "Platform", "architecture") for _, manifest in manifests(document)
    ]
    if architectures and all(one not in (None, "*", "all") for one in architectures):
        names = ", ".join(str(one) for one in architectures)
        yield Finding("platform-architecture", "Manifests",
                      f"only {names}: another device refuses the deployment", BOTH,
                      WARNING)  # fmt: skip
    yield from _global(document)


def _platform(where: str, manifest: dict[str, Any]) -> Iterator[Finding]:
    platform = manifest.get("Platform")
    at = f"{where}.Platform"
    if not isinstance(platform, dict):
        yield Finding("platform-os", at, "is not there: lite needs os", LITE)
        yield Finding("platform-runtime", at, "is not there: lite needs runtime: '*'", LITE)
        return
    runtime = platform.get("runtime")
    if runtime not in RUNTIMES:
        yield Finding("platform-runtime", at, f"runtime is {runtime}, not '*': not for lite", LITE)
    os_name = platform.get("os")
    if os_name is None:
        yield Finding("platform-os", at, "lite needs os: linux", LITE)
    elif set(str(os_name)) & _REGEX:
        yield Finding("platform-os", at, f"lite takes no pattern for os: {os_name}", LITE)


def _runs(lifecycle: Any) -> bool:
    return isinstance(lifecycle, dict) and any(str(key).lower() in STEPS for key in lifecycle)


def _runs_globally(document: dict[str, Any]) -> bool:
    whole = document.get("Lifecycle")
    return isinstance(whole, dict) and any(_runs(one) for one in whole.values())


def _global(document: dict[str, Any]) -> Iterator[Finding]:
    whole = document.get("Lifecycle")
    if whole is None:
        return
    if not isinstance(whole, dict) or not {"all", "linux"} & whole.keys():
        yield Finding("global-lifecycle", "Lifecycle", "lite reads all and linux only", LITE)
    for where, manifest in manifests(document):
        if manifest.get("Selections"):
            yield Finding("global-lifecycle", f"{where}.Selections", "lite knows no selections",
                          LITE)  # fmt: skip
