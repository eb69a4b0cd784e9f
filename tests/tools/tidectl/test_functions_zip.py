"""The functions' zip: the same sources give the same bytes, and nothing else is in it."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tidectl.functions_zip import build
from tidectl.project import FUNCTION_PACKAGES


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    """Copies of the packages that a test may change."""
    ignored = shutil.ignore_patterns("__pycache__")
    return [
        Path(shutil.copytree(package, tmp_path / package.name, ignore=ignored))
        for package in FUNCTION_PACKAGES
    ]


def test_the_same_sources_give_the_same_bytes_wherever_and_whenever(packages: list[Path]) -> None:
    for package in packages:
        for source in package.rglob("*.py"):
            source.touch()
            source.chmod(0o600)
    assert build(packages) == build()


def test_it_holds_the_modules_of_both_packages_and_nothing_else(packages: list[Path]) -> None:
    (packages[0] / "notes.txt").write_text("no module")
    (packages[0] / "__pycache__").mkdir()
    (packages[0] / "__pycache__" / "entry.cpython-311.pyc").write_bytes(b"")
    names = zipfile.ZipFile(io.BytesIO(build(packages).data)).namelist()
    assert "tidecloud/entry.py" in names
    assert {name.partition("/")[0] for name in names} == {"tidecloud", "tidewire"}
    assert all(name.endswith(".py") for name in names)


def test_other_code_has_another_key(packages: list[Path]) -> None:
    before = build(packages)
    with (packages[1] / "names.py").open("a") as module:
        module.write("# changed\n")
    after = build(packages)
    assert before.key != after.key
    assert after.key.startswith("functions/")


def test_every_user_may_read_what_it_holds() -> None:
    for entry in zipfile.ZipFile(io.BytesIO(build().data)).infolist():
        assert entry.external_attr >> 16 & 0o444 == 0o444


def test_the_handlers_can_be_imported_from_it(tmp_path: Path) -> None:
    path = tmp_path / "functions.zip"
    path.write_bytes(build().data)
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if 'cloud' not in p and 'lib' != p[-3:]]\n"
        f"sys.path.insert(0, {str(path)!r})\n"
        "from tidecloud.entry import ingest, query; import tidewire\n"
        "print(tidewire.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(path))
