"""Local deployments as `greengrass-cli` asks for them, and the whole sets that they leave.

Flow: CreateLocalDeployment, folders of recipes and artifacts -> [local requests] -> deployment
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.nucleus.dependencies import BUILT_IN
from tidegate.nucleus.deployed import Deployed
from tidegate.nucleus.deployment import ROLLBACK, Change, Deployment
from tidegate.nucleus.errors import DeploymentError
from tidegate.nucleus.local_source import add_artifacts, find_recipe
from tidegate.nucleus.recipe import Recipe, load_recipe
from tidegate.nucleus.settings import Settings, write_whole

LOCAL_GROUP = "LOCAL_DEPLOYMENT"


class LocalRequests:
    """Reads requests beside what is deployed already; takes recipes and artifacts over."""

    def __init__(self, settings: Settings, deployed: Deployed) -> None:
        self._settings, self._deployed = settings, deployed

    def read(self, deployment_id: str, request: Mapping[str, Any]) -> Deployment:
        """Return the whole set that is asked for; raises `NucleusError`."""
        group = str(request.get("groupName") or LOCAL_GROUP)
        removed = set(request.get("rootComponentsToRemove") or ())
        updates = dict(request.get("componentToConfiguration") or {})
        changes: dict[str, Change] = {}
        for name in self._deployed.groups.get(group, []):
            if name in self._deployed and name not in removed:
                changes[name] = Change(self._deployed[name].recipe)
        wanted = dict(request.get("rootComponentVersionsToAdd") or {})
        recipes = Path(str(request.get("recipeDirectoryPath") or self._settings.root / "recipes"))
        artifacts = request.get("artifactsDirectoryPath")
        pending = list(wanted.items())
        while pending:
            name, version = pending.pop()
            recipe = self._adopt(recipes, artifacts, name, version)
            changes[name] = Change(recipe)
            for need in recipe.dependencies:
                known = need.name in changes or need.name in self._deployed
                if need.name in BUILT_IN or known:
                    continue
                if need.hard or find_recipe(recipes, need.name):
                    pending.append((need.name, need.requirement))
        for name, update in updates.items():
            if name not in changes:
                raise DeploymentError(f"{name} is configured and not deployed")
            changes[name] = Change(
                changes[name].recipe, update.get("MERGE") or {}, update.get("RESET") or ()
            )
        policy = str(request.get("failureHandlingPolicy") or ROLLBACK)
        return Deployment(deployment_id, group, changes, policy)

    def _adopt(self, recipes: Path, artifacts: Any, name: str, version: str) -> Recipe:
        """Take over the recipe and artifacts of a version from the folders given."""
        path = find_recipe(recipes, name, version)
        if path is None:
            raise DeploymentError(f"{recipes} has no recipe of {name} {version}")
        limits = self._settings.limits
        recipe = load_recipe(path, nucleus=limits.name, as_text=limits.yaml_is_text)
        kept = self._settings.recipe_path(recipe.name, recipe.version)
        if path.resolve() != kept.resolve():
            write_whole(kept, path.read_bytes())
        if artifacts:
            add_artifacts(self._settings, recipe, Path(str(artifacts)))
        return recipe
