"""Where what can be made again is kept: compiled modules, bundles. Anyone may remove it."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder, which may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tidegauge" / "mpy"


def keep(path: Path, data: bytes) -> None:
    """Write `data` to `path` at once: another process may read or write it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        draft = Path(scratch) / path.name
        draft.write_bytes(data)
        draft.replace(path)
