"""Recipes and artifacts in folders, as the local route of deployment has them.

`recipes/<name>-<version>.yaml|json`, `artifacts/<name>/<version>/<file>`.
"""

import hashlib
import shutil
import stat
import zipfile
from pathlib import Path

from tidegate.nucleus.dependencies import satisfies
from tidegate.nucleus.errors import DeploymentError, NucleusError
from tidegate.nucleus.recipe import VERSION, Artifact, Recipe
from tidegate.nucleus.settings import Settings

UNPACKED_BYTES_MAX = 2 * 1024**3  # of one zip; wheel houses take some hundred megabytes
SUFFIXES = (".yaml", ".yml", ".json")


def find_recipe(folder: Path, name: str, version: str = "") -> Path | None:
    """Return the recipe of `name` that fits `version`, a version or a requirement; the latest."""
    found: list[tuple[tuple[int, ...], Path]] = []
    for path in folder.glob(f"{name}-*"):
        stem = path.name.removesuffix(path.suffix).removeprefix(f"{name}-")
        if path.suffix not in SUFFIXES or not VERSION.fullmatch(stem):
            continue
        if version in ("", stem) or (not VERSION.fullmatch(version) and satisfies(stem, version)):
            found.append((tuple(int(part) for part in stem.split(".")), path))
    return max(found)[1] if found else None


def add_artifacts(settings: Settings, recipe: Recipe, folder: Path) -> None:
    """Copy a version's artifacts into the root; raises `DeploymentError` for one that is absent.

    Only the classic nucleus unpacks, on a local route; on both the cloud's does.
    """
    source = folder / recipe.name / recipe.version
    target = settings.artifacts(recipe.name, recipe.version)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for artifact in recipe.artifacts:
        path = source / artifact.name
        if not path.is_file():
            raise DeploymentError(f"{recipe.name}: the artifact {path} is not there")
        kept = target / artifact.name
        if path.resolve() != kept.resolve():
            _copy(path, kept)
        if settings.nucleus == "classic":
            unpack(settings, recipe, artifact)


def unpack(settings: Settings, recipe: Recipe, artifact: Artifact) -> None:
    """Unpack an artifact where its recipe wants it so; raises `DeploymentError`."""
    if not artifact.unarchive:
        return
    path = settings.artifacts(recipe.name, recipe.version) / artifact.name
    target = settings.decompressed(recipe.name, recipe.version) / artifact.name.removesuffix(".zip")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, mode=0o700)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > UNPACKED_BYTES_MAX:
                raise DeploymentError(
                    f"{artifact.name} unpacks to {size} bytes, at most {UNPACKED_BYTES_MAX}"
                )
            for entry in archive.infolist():
                made = Path(archive.extract(entry, target))
                mode = entry.external_attr >> 16 & stat.S_IXUSR
                if made.is_file():
                    made.chmod(0o700 if mode else 0o600)
    except (OSError, zipfile.BadZipFile) as error:
        raise DeploymentError(f"{artifact.name} can't be unpacked: {error}") from error


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(source, draft)
        draft.replace(target)
    except OSError as error:
        raise NucleusError(f"can't copy {source} to {target}: {error}") from error
