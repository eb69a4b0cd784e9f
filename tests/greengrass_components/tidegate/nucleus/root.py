"""A nucleus in a folder of the test's own, with recipes written as a test needs them."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from tidegate.nucleus.nucleus import Nucleus
from tidegate.nucleus.program import serve
from tidegate.nucleus.settings import Settings

WAIT_S = 10.0


def recipe(name: str, lifecycle: dict[str, Any], version: str = "1.0.0", **more: Any) -> str:
    """Return a recipe as YAML; `defaults`, `needs` and `artifacts` are for short."""
    document: dict[str, Any] = {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": version,
        "ComponentConfiguration": {"DefaultConfiguration": more.get("defaults", {})},
        "ComponentDependencies": more.get("needs", {}),
        "Manifests": [
            {
                "Platform": {"os": "linux", "runtime": "*"},
                "Lifecycle": lifecycle,
                "Artifacts": more.get("artifacts", []),
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


class Root:
    """Recipes in `source`, the nucleus in `settings.root`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.source = folder / "recipes"
        self.source.mkdir(exist_ok=True)
        self.artifacts = folder / "artifacts"
        self.settings = replace(Settings(root=folder / "root", thing="g1"), **settings)
        self.settings.root.mkdir(exist_ok=True)

    def add(
        self, name: str, lifecycle: dict[str, Any], version: str = "1.0.0", **more: Any
    ) -> None:
        """Write a recipe."""
        path = self.source / f"{name}-{version}.yaml"
        path.write_text(recipe(name, lifecycle, version, **more))

    def log(self, name: str) -> str:
        """Return what a component wrote."""
        return self.settings.log_path(name).read_text()

    def run(self, scene: Callable[[Nucleus], Any]) -> Any:
        """Run `scene` with a nucleus that has read what the one before kept."""

        async def play() -> Any:
            async with AsyncExitStack() as stack:
                return await scene(await serve(self.settings, stack))

        return asyncio.run(play())

    async def deploy(self, nucleus: Nucleus, **request: Any) -> dict[str, Any]:
        """Deploy locally and return how it ended."""
        deployment = await nucleus.deploy_locally(
            {
                "recipeDirectoryPath": str(self.source),
                "artifactsDirectoryPath": str(self.artifacts),
                **request,
            }
        )
        return await self.ended(nucleus, deployment)

    async def ended(self, nucleus: Nucleus, deployment: str) -> dict[str, Any]:
        """Return how a deployment ended."""

        def found() -> Any:
            for one in nucleus.local_deployments():
                if one["deploymentId"] == deployment and one["status"] in ("SUCCEEDED", "FAILED"):
                    return one
            return None

        return dict(await until(found))


async def until(is_so: Callable[[], Any], within_s: float = WAIT_S) -> Any:
    """Return the first true answer."""
    deadline = time.monotonic() + within_s
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)
    return answer
