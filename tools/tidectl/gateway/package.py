"""Pack components: recipe and artifacts in GDK's layout, ready for either route.

Flow: folder, wheels -> [package] -> greengrass-build/recipes, greengrass-build/artifacts
A bundle has everything that the device needs; a link names a Python and a folder of this machine.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import INSTALLER, ComponentSource
from tidectl.gateway.setting_pairs import overlaid
from tidectl.gateway.wheel_house import Device, own_wheel, pip_wheel, wheels_for, write_zip
from tidectl.home import Home
from tidectl.recipe_lint import ERROR, lint

BUILD = "greengrass-build"
BUCKET = "BUCKET_NAME"
RECIPE_BYTES_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Package:
    """One packed version, below a folder in GDK's layout."""

    name: str
    version: str
    build: Path

    @property
    def recipe_path(self) -> Path:
        """The recipe; its artifacts' bucket is still a placeholder."""
        return self.build / "recipes" / f"{self.name}-{self.version}.yaml"

    @property
    def artifacts(self) -> Path:
        """The folder of its artifacts."""
        return self.build / "artifacts" / self.name / self.version

    @property
    def bytes(self) -> int:
        """How long its artifacts are."""
        return sum(path.stat().st_size for path in self.artifacts.iterdir())


def pack(source: ComponentSource, folder: Path, home: Home, devices: Sequence[Device]) -> Package:
    """Pack a component with every wheel it needs; raises `TidectlError`."""
    requirements = source.requirements()
    facts = {
        "name": source.name,
        "version": source.version,
        "machines": sorted({device.machine for device in devices}),
        "python_versions": sorted({device.python for device in devices}),
        "requirements": [*requirements, f"tidegate=={version('tidegauge')}"],
    }
    with tempfile.TemporaryDirectory() as scratch:
        wheels = [*wheels_for(home, requirements, devices), own_wheel(Path(scratch))]
        files = {"bundle.json": json.dumps(facts, indent=2).encode()}
        pip = pip_wheel()
        files[f"pip/{pip.name}"] = pip.read_bytes()
        files |= {f"wheels/{path.name}": path.read_bytes() for path in wheels}
        files |= {
            f"component/{path.relative_to(source.folder).as_posix()}": path.read_bytes()
            for path in source.files()
        }
    return _write(source, folder, files)


def link(source: ComponentSource, folder: Path) -> Package:
    """Pack a component so that it runs from this checkout, by this Python: done at once."""
    facts = {
        "name": source.name,
        "version": source.version,
        "python": sys.executable,
        "checkout": str(source.folder),
    }
    return _write(source, folder, {"bundle.json": json.dumps(facts, indent=2).encode()})


def _write(source: ComponentSource, folder: Path, files: dict[str, bytes]) -> Package:
    package = Package(source.name, source.version, folder / BUILD)
    recipe = (source.folder / "recipe.yaml").read_text()
    recipe = recipe.replace("COMPONENT_NAME", source.name)
    recipe = recipe.replace("COMPONENT_VERSION", source.version)
    if len(recipe.encode()) > RECIPE_BYTES_MAX:
        raise TidectlError(
            f"the recipe of {source.name} is {len(recipe.encode())} bytes",
            f"nucleus lite takes {RECIPE_BYTES_MAX}: shorten its comments and defaults",
        )
    try:
        package.artifacts.mkdir(parents=True, exist_ok=True)
        package.recipe_path.parent.mkdir(parents=True, exist_ok=True)
        write_zip(package.artifacts / source.bundle_name, files)
        shutil.copyfile(INSTALLER, package.artifacts / INSTALLER.name)
        package.recipe_path.write_text(recipe)
    except OSError as error:
        raise TidectlError(f"can't write {folder}: {error.strerror}", "free some space") from error
    _refuse_errors(package, f"tidectl gateway lint {source.folder}")
    return package


def set_defaults(package: Package, values: Mapping[str, Any]) -> None:
    """Write `values` into the defaults of a packed recipe; raises `TidectlError`."""
    document = yaml.safe_load(package.recipe_path.read_text())
    configuration = document.setdefault("ComponentConfiguration", {})
    configuration["DefaultConfiguration"] = overlaid(
        configuration.get("DefaultConfiguration") or {}, values
    )
    package.recipe_path.write_text(yaml.safe_dump(document, sort_keys=False, width=1000))
    _refuse_errors(package, "set shorter values, or have the tag map name a file")


def _refuse_errors(package: Package, hint: str) -> None:
    errors = [found for found in lint(package.recipe_path) if found.severity == ERROR]
    if errors:
        raise TidectlError(f"{errors[0].where}: {errors[0].message}", hint)
