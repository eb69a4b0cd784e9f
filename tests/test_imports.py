"""Imports point one way: tidewire <- tidenode | tidegate | tidecloud <- tidelocal <- tidectl."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSES = {
    "tidewire": (ROOT / "firmware/lib/tidewire", frozenset[str]()),
    "tidenode": (ROOT / "firmware/lib/tidenode", frozenset({"tidewire"})),
    "tidegate": (ROOT / "greengrass_components/tidegate", frozenset({"tidewire"})),
    "tidecloud": (ROOT / "cloud/tidecloud", frozenset({"tidewire"})),
    "tidelocal": (ROOT / "cloud/tidelocal", frozenset({"tidewire", "tidegate", "tidecloud"})),
    "tidectl": (
        ROOT / "tools/tidectl",
        frozenset({"tidewire", "tidenode", "tidegate", "tidecloud", "tidelocal"}),
    ),
}
# One home for each outside library that a whole program could grow around.
ONE_HOME = {
    "ministack": {"cloud/tidelocal/host/host.py"},
    "duckdb": {"cloud/tidelocal/timeseries"},
    "awscrt": {"tools/tidectl"},
    "littlefs": {"tools/tidectl"},
    "serial": {"tools/tidectl/serial_port.py"},
}


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of each module that the file at `path` imports."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", HOUSES)
def test_a_package_imports_only_what_stands_left_of_it(package: str) -> None:
    folder, allowed = HOUSES[package]
    for path in folder.rglob("*.py"):
        strangers = set(imported(path)) & set(HOUSES) - allowed - {package}
        assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


@pytest.mark.parametrize("library", ONE_HOME)
def test_an_outside_library_has_one_home(library: str) -> None:
    for folder, _ in HOUSES.values():
        for path in folder.rglob("*.py"):
            if library in imported(path):
                place = path.relative_to(ROOT).as_posix()
                assert place.startswith(tuple(ONE_HOME[library])), f"{place} imports {library}"


def test_the_walk_sees_real_imports() -> None:
    """The two tests above would pass over an empty tree: make sure there is something to see."""
    seen = {
        name
        for folder, _ in HOUSES.values()
        for path in folder.rglob("*.py")
        for name in imported(path)
    }
    assert set(ONE_HOME) <= seen
