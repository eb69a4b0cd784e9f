"""A component's folder in the checkout: its recipe, what it imports, what it is called."""

from dataclasses import dataclass
from pathlib import Path

from tidectl.errors import TidectlError
from tidectl.project import ROOT
from tidegate.nucleus.errors import RecipeError
from tidegate.nucleus.recipe import Recipe, load_recipe

COMPONENTS = ROOT / "greengrass_components"
INSTALLER = COMPONENTS / "install.py"


@dataclass(frozen=True, slots=True)
class ComponentSource:
    """One component; `recipe` is as it is written, with its placeholders."""

    folder: Path
    recipe: Recipe

    @property
    def name(self) -> str:
        """The component's full name, `io.tidegauge.Modbus`."""
        return self.recipe.name

    @property
    def version(self) -> str:
        """Its version."""
        return self.recipe.version

    @property
    def bundle_name(self) -> str:
        """The file that its artifacts are packed into."""
        return f"{self.folder.name}.zip"

    def requirements(self) -> list[str]:
        """Return what it imports besides our own packages, pinned."""
        path = self.folder / "requirements.txt"
        if not path.exists():
            return []
        lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
        return [line for line in lines if line]

    def files(self) -> list[Path]:
        """Return the files that go to the device."""
        return sorted(
            path
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and path.name != "recipe.yaml"
        )


def load_source(folder: Path) -> ComponentSource:
    """Return the component in `folder`; raises `TidectlError`."""
    path = folder / "recipe.yaml"
    if not path.exists():
        known = ", ".join(source.folder.name for source in all_sources())
        raise TidectlError(f"{folder} is no component: it has no recipe.yaml", f"there are {known}")
    try:
        recipe = load_recipe(path)
    except RecipeError as error:
        raise TidectlError(str(error), f"tidectl gateway lint {folder}") from error
    names = {artifact.name for artifact in recipe.artifacts}
    source = ComponentSource(folder, recipe)
    wanted = {"install.py", source.bundle_name}
    if not wanted <= names:
        raise TidectlError(
            f"{path} lacks the artifact {', '.join(sorted(wanted - names))}",
            "see greengrass_components/README.md for how a component is laid out",
        )
    install = recipe.steps.get("install")
    if install and f"venv-{recipe.version}" not in install.script:
        raise TidectlError(
            f"install of {path} names another environment than venv-{recipe.version}",
            "write the version there as in ComponentVersion",
        )
    return source


def find_source(name: str) -> ComponentSource:
    """Return a component by folder, path or full name; raises `TidectlError`."""
    if Path(name).is_dir():
        return load_source(Path(name).resolve())
    for source in all_sources():
        if name == source.name:
            return source
    return load_source(COMPONENTS / name)


def full_name(name: str) -> str:
    """Return the full name of a component by its folder in the checkout; any other as it is."""
    in_checkout = (COMPONENTS / name / "recipe.yaml").exists()
    return find_source(name).name if in_checkout else name


def folder_names() -> list[str]:
    """Return how the components of the checkout are called; reads no recipe."""
    return sorted(path.parent.name for path in COMPONENTS.glob("*/recipe.yaml"))


def all_sources() -> list[ComponentSource]:
    """Return every component of the checkout."""
    folders = sorted(path.parent for path in COMPONENTS.glob("*/recipe.yaml"))
    return [load_source(folder) for folder in folders]
