"""The components that are deployed, and what is kept of them over an end of the nucleus.

Flow: recipes, config.json -> [deployed] -> components
Kept in `config.json`: the versions, their groups, and what was configured.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tidegate.nucleus.component import RETRY_S, Component
from tidegate.nucleus.configuration import Configuration
from tidegate.nucleus.dependencies import start_order
from tidegate.nucleus.environment import environment_of
from tidegate.nucleus.errors import DeploymentError, NucleusError
from tidegate.nucleus.interpolation import Variables
from tidegate.nucleus.recipe import Recipe, load_recipe
from tidegate.nucleus.settings import Settings, write_whole

log = logging.getLogger(__name__)


class Deployed:
    """Components by name; `groups` says whose deployment each of them is of.

    `ended` hears of each whose process is gone; `retry_s` is the pause before it is tried again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        credentials_port: int = 0,
        ended: Callable[[str], None] = lambda _: None,
        retry_s: float = RETRY_S,
    ) -> None:
        self._settings = settings
        self._credentials_port, self.ended = credentials_port, ended
        self.retry_s = retry_s
        self._components: dict[str, Component] = {}
        self.groups: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._components))

    def __contains__(self, name: object) -> bool:
        return name in self._components

    def __getitem__(self, name: str) -> Component:
        return self._components[name]

    def find(self, name: str) -> Component | None:
        """Return a component, None where it is not deployed."""
        return self._components.get(name)

    def values(self) -> list[Component]:
        """Return all components, as they were added."""
        return list(self._components.values())

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipe of each component."""
        return {name: component.recipe for name, component in self._components.items()}

    def order(self) -> list[str]:
        """Return who starts after whom; a need that is gone keeps nobody else from starting."""
        try:
            return start_order(self.recipes())
        except DeploymentError as error:
            log.error("%s", error)
            return sorted(self._components)

    def fresh_configuration(self, recipe: Recipe) -> Configuration:
        """Return the configuration of a component that has none yet: its defaults."""
        most = self._settings.limits.configuration_value_bytes_max
        return Configuration(recipe.defaults, value_bytes_max=most)

    def add(self, recipe: Recipe, configuration: Configuration | None = None) -> Component:
        """Add a component that is not started; without a configuration it has its defaults.

        One of its name has been stopped and closed.
        """
        component = Component(
            recipe=recipe,
            configuration=configuration or self.fresh_configuration(recipe),
            settings=self._settings,
            environment=self._environment,
            others=self._others,
            ended=self.ended,
            retry_s=self.retry_s,
        )
        self._components[recipe.name] = component
        return component

    def remove(self, name: str) -> None:
        """Forget a component, which has been stopped."""
        self._components.pop(name).close()

    # ---- what is kept ----

    def load(self) -> None:
        """Take what was kept; one whose recipe is gone or wrong is logged and left out."""
        document = self._kept()
        for name, facts in document["components"].items():
            try:
                path = self._settings.recipe_path(name, facts["version"])
                limits = self._settings.limits
                recipe = load_recipe(path, nucleus=limits.name, as_text=limits.yaml_is_text)
                self.add(recipe).configuration.from_document(facts["configuration"])
            except NucleusError as error:
                log.error("%s can't be started: %s", name, error)
        self.groups = document["groups"]

    def keep(self) -> None:
        """Write down what is deployed."""
        document = {
            "components": {
                name: {
                    "version": one.recipe.version,
                    "configuration": one.configuration.to_document(),
                }
                for name, one in self._components.items()
            },
            "groups": self.groups,
        }
        write_whole(self._settings.root / "config.json", json.dumps(document).encode())

    def _kept(self) -> dict[str, Any]:
        path = self._settings.root / "config.json"
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {"components": {}, "groups": {}}
        except (OSError, ValueError) as error:
            raise NucleusError(f"{path} can't be read: {error}; remove it to begin anew") from error
        return dict(document)

    # ---- what a component asks of the others ----

    def _environment(self, component: Component, own: Mapping[str, str]) -> dict[str, str]:
        port = self._credentials_port if component.recipe.needs_credentials else 0
        return environment_of(self._settings, component.token, credentials_port=port, own=own)

    def _others(self, component: Component) -> dict[str, Variables]:
        if self._settings.nucleus == "lite":
            return {}  # it knows no variables of dependencies
        names = [need.name for need in component.recipe.dependencies]
        return {
            name: self._components[name].variables() for name in names if name in self._components
        }
