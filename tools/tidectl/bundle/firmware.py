"""The firmware in a folder, bundled."""

import hashlib
import json
from functools import cache
from pathlib import Path

from tidectl import cache as disk
from tidectl.bundle.bundle import Bundle, bundled
from tidectl.bundle.names import attributes_known

_made: dict[str, Bundle] = {}  # the newest, by what it was made of: it takes seconds


def firmware_bundle(folder: Path) -> Bundle:
    """Return the modules of `folder`/lib as a board gets them. Raises BundleError.

    What lies beside them, the start and the stand-ins, is not in it; attributes it may know
    keep their names.
    """
    texts, packages = {}, set()
    for source in sorted((folder / "lib").rglob("*.py")):
        name = ".".join(source.relative_to(folder / "lib").with_suffix("").parts)
        if source.stem == "__init__":
            name = name.removesuffix(".__init__")
            packages.add(name)
        texts[name] = source.read_text()
    paths = sorted([*folder.glob("*.py"), *(folder / "sim").glob("*.py")])
    beside = [path.read_text() for path in paths]
    made_of = (texts, sorted(packages), beside, _bundler())
    digest = hashlib.sha256(repr(made_of).encode()).hexdigest()
    if digest not in _made:
        _made.clear()
        _made[digest] = _kept(digest, texts, frozenset(packages), beside)
    return _made[digest]


def _kept(
    digest: str, texts: dict[str, str], packages: frozenset[str], beside: list[str]
) -> Bundle:
    """Return the bundle that another process has made of the same, or make it."""
    path = disk.cache_folder() / f"{digest}.bundle"
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        foreign = frozenset[str]().union(*[attributes_known(text) for text in beside])
        made = bundled(texts, packages, foreign)
        disk.keep(path, json.dumps({"texts": dict(made.texts), "lines": made.lines}).encode())
        return made
    lines = tuple((str(home), int(line), str(module)) for home, line, module in document["lines"])
    return Bundle(document["texts"], texts, packages, lines)


@cache
def _bundler() -> str:
    """Return a digest of what makes bundles."""
    folder = Path(__file__).parent
    texts = [source.read_bytes() for source in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()
