"""The functions' zip holds tidecloud and tidewire; what else they import is in the runtime."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What AWS's Python runtimes bring along; boto3 itself needs the other two.
RUNTIME = {"boto3", "botocore", "urllib3"}
OURS = {"tidecloud", "tidewire"}


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level modules a file imports when it runs, type checking aside."""
    tree = ast.parse(path.read_text(), filename=str(path))
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_the_functions_import_only_what_the_zip_and_the_runtime_have() -> None:
    files = [
        *(ROOT / "cloud/tidecloud").rglob("*.py"),
        *(ROOT / "firmware/lib/tidewire").rglob("*.py"),
    ]
    found = {name: path for path in files for name in imported(path)}
    strangers = {
        name: path.name
        for name, path in found.items()
        if name not in OURS | RUNTIME | sys.stdlib_module_names
    }
    assert not strangers
    assert set(found) >= RUNTIME | OURS  # the walk sees something
