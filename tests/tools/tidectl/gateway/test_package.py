"""Packing: GDK's layout, the same bytes from the same sources, and a real installation of it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.gateway.probe import NAME, write_probe
from tidectl.errors import TidectlError
from tidectl.gateway.component_source import INSTALLER, all_sources, load_source
from tidectl.gateway.package import Package, link, pack
from tidectl.gateway.wheel_house import Device, write_zip
from tidectl.home import Home

HERE = Device(os.uname().machine, f"{sys.version_info.major}.{sys.version_info.minor}")


def _install(package: Package, venv: Path) -> subprocess.CompletedProcess[str]:
    bundle = package.artifacts / "probe.zip"
    command = [sys.executable, str(package.artifacts / "install.py")]
    return subprocess.run(
        [*command, "--bundle", str(bundle), "--venv", str(venv)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_package_installs_without_a_network_and_again_in_no_time(tmp_path: Path) -> None:
    source = load_source(write_probe(tmp_path / "probe"))
    package = pack(source, tmp_path, Home(tmp_path / "home"), [HERE])
    assert package.recipe_path == (tmp_path / "greengrass-build" / "recipes" / f"{NAME}-1.0.0.yaml")
    assert "s3://BUCKET_NAME/io.tidegauge.Probe/1.0.0/probe.zip" in package.recipe_path.read_text()
    venv = tmp_path / "work" / "venv-1.0.0"
    done = _install(package, venv)
    assert done.returncode == 0, done.stderr
    assert "installed in" in done.stdout
    look = "import tidegate.ipc, tidewire, sys; print(tidegate.__file__)"
    found = subprocess.run(
        [venv / "bin" / "python", "-c", look], capture_output=True, text=True, check=True, cwd="/"
    )
    assert found.stdout.startswith(str(venv))
    assert (venv / "component" / "main.py").exists()
    mark = (venv / "installed.json").stat().st_mtime_ns
    again = _install(package, venv)
    assert (again.returncode, again.stdout.strip()) == (0, "venv-1.0.0 is installed already")
    assert (venv / "installed.json").stat().st_mtime_ns == mark


def test_what_is_half_installed_is_begun_anew_and_old_versions_go(tmp_path: Path) -> None:
    folder = write_probe(tmp_path / "probe")
    work = tmp_path / "work"
    for number in range(3):
        old = work / f"venv-0.{number}.0"
        (old / "bin").mkdir(parents=True)
        os.utime(old, (number, number))
    half = work / "venv-1.0.0"
    (half / "bin").mkdir(parents=True)
    (half / "rest").touch()
    done = _install(link(load_source(folder), tmp_path), half)
    assert done.returncode == 0, done.stderr
    assert not (half / "rest").exists()
    assert sorted(path.name for path in work.iterdir()) == ["venv-0.2.0", "venv-1.0.0"]
    run = subprocess.run(
        [half / "bin" / "python", "-c", "import sys; print(sys.executable)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == sys.executable


def test_a_bundle_for_another_device_says_how_to_pack_it(tmp_path: Path) -> None:
    source = load_source(write_probe(tmp_path / "probe"))
    home = Home(tmp_path / "home")
    for device, hint in (
        (Device(HERE.machine, "3.99"), f"--python {HERE.python}"),
        (Device("armv7l", HERE.python), f"--machine {HERE.machine}"),
    ):
        done = _install(pack(source, tmp_path, home, [device]), tmp_path / "venv-1.0.0")
        assert done.returncode == 1
        assert hint in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "greengrass-build" / "artifacts" / NAME / "1.0.0" / "probe.zip").write_bytes(b"x")
    done = _install(Package(NAME, "1.0.0", tmp_path / "greengrass-build"), tmp_path / "venv-1.0.0")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    source = load_source(write_probe(tmp_path / "probe"))
    home = Home(tmp_path / "home")
    first = (pack(source, tmp_path / "a", home, [HERE]).artifacts / "probe.zip").read_bytes()
    again = (pack(source, tmp_path / "b", home, [HERE]).artifacts / "probe.zip").read_bytes()
    assert first == again
    with zipfile.ZipFile(tmp_path / "a/greengrass-build/artifacts" / NAME / "1.0.0/probe.zip") as z:
        facts = json.loads(z.read("bundle.json"))
        (wheel,) = [name for name in z.namelist() if name.startswith("wheels/")]
        z.extract(wheel, tmp_path)
    assert facts["python_versions"] == [HERE.python]
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        names = archive.namelist()
    assert "tidewire/__init__.py" in names
    assert "tidegate/status_page/page.html" in names
    assert not [name for name in names if name.startswith(("tidegate/nucleus", "tidectl"))]


def test_recipes_that_do_not_fit_are_refused_with_a_hint(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    long = write_probe(tmp_path / "long" / "probe", **{f"note{n}": "x" * 1000 for n in range(9)})
    with pytest.raises(TidectlError, match="bytes"):
        pack(load_source(long), tmp_path, home, [HERE])
    braces = write_probe(tmp_path / "braces" / "probe", run="echo ${HOME}")
    with pytest.raises(TidectlError, match="lite cuts the script"):
        link(load_source(braces), tmp_path)
    other = write_probe(tmp_path / "other" / "probe")
    text = (
        (other / "recipe.yaml")
        .read_text()
        .replace("ComponentVersion: 1.0.0", "ComponentVersion: 1.0.1")
    )
    (other / "recipe.yaml").write_text(text)
    with pytest.raises(TidectlError, match=r"another environment than venv-1\.0\.1"):
        load_source(other)
    with pytest.raises(TidectlError, match=r"no recipe\.yaml"):
        load_source(tmp_path)


def test_every_component_of_ours_links(tmp_path: Path, tidectl: Run) -> None:
    for source in all_sources():
        assert link(source, tmp_path).recipe_path.stat().st_size <= 8_192
        for line in source.requirements():
            assert "==" in line, (source.folder.name, line)
    assert INSTALLER.exists()
    assert "no recipe.yaml" in tidectl("gateway", "package", "absent").complaint()


def test_requirements_are_pinned_as_in_the_project() -> None:
    project = (INSTALLER.parents[1] / "pyproject.toml").read_text()
    for source in all_sources():
        for line in source.requirements():
            assert f'"{line}"' in project, f"{source.folder.name}: {line}"


@pytest.mark.parametrize("damage", ["cut", "bits", "empty", "no facts"])
def test_a_damaged_bundle_is_told_and_installs_nothing(tmp_path: Path, damage: str) -> None:
    source = load_source(write_probe(tmp_path / "probe"))
    package = link(source, tmp_path)
    bundle = package.artifacts / "probe.zip"
    whole = bundle.read_bytes()
    if damage == "no facts":
        write_zip(bundle, {"bundle.json": b"nothing"})
    else:
        middle = len(whole) // 3
        damaged = {
            "cut": whole[:middle], "empty": b"",
            "bits": whole[:middle] + bytes(20) + whole[middle + 20 :],
        }  # fmt: skip
        bundle.write_bytes(damaged[damage])
    done = _install(package, tmp_path / "work" / "venv-1.0.0")
    assert done.returncode == 1
    assert "probe.zip is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "work" / "venv-1.0.0").exists()
