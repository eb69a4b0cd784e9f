"""The firmware in a folder, bundled."""

import hashlib
from pathlib import Path

from tidectl.bundle.bundle import Bundle, bundled
from tidectl.bundle.names import words_of

_made: dict[bytes, Bundle] = {}  # the newest, by what it was made of: it takes a second


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
    beside = [*folder.glob("*.py"), *(folder / "sim").glob("*.py")]
    foreign = words_of("\n".join(source.read_text() for source in sorted(beside)))
    digest = hashlib.sha256(repr((texts, sorted(packages), sorted(foreign))).encode()).digest()
    if digest not in _made:
        made = bundled(texts, frozenset(packages), foreign)
        _made.clear()
        _made[digest] = made
    return _made[digest]
