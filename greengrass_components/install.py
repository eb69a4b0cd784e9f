#!/usr/bin/env python3
"""Install a component's bundle on a gateway: a virtual environment, without any network.

    python3 install.py --bundle modbus_adapter.zip --venv .../venv-1.0.0

Runs on the system's own Python, 3.9 or newer, and needs its module `venv`, which Debian and
Raspberry Pi OS have with `python3`; the bundle brings its own pip. It never touches the system's
packages, which Debian 12 and Raspberry Pi OS 12 refuse (PEP 668). It opens the zip itself, since
nucleus lite does not unpack what is deployed locally. Safe to run again: at each start of
Greengrass it is, and a bundle that is installed takes no time. What is half installed is begun
anew.

The bundle holds `bundle.json`, `pip/`, `wheels/` and `component/`; or, for a checkout on this
machine, `bundle.json` alone, which names a Python and a folder.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

PYTHON_MIN = (3, 9)
KEPT_VERSIONS = 2  # this one and the one before, for a rollback without a minute of waiting
MARK = "installed.json"
UNPACKED_BYTES_MAX = 1024**3


def main() -> int:
    """Install and return the exit code; mistakes say what to do, on standard error."""
    parser = argparse.ArgumentParser(description="Install a component's bundle.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--venv", type=Path, required=True)
    options = parser.parse_args()
    began_s = time.monotonic()
    try:
        digest = _digest(options.bundle)
        if _is_installed(options.venv, digest):
            print(f"{options.venv.name} is installed already")
            return 0
        _install(options.bundle, options.venv, digest)
    except (InstallError, OSError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        print(f"install: {options.bundle} is damaged: {error}: deploy it again", file=sys.stderr)
        return 1
    print(f"{options.venv.name} installed in {time.monotonic() - began_s:.1f} s")
    return 0


class InstallError(Exception):
    """The bundle can't be installed here; the message says what to do."""


def _install(bundle: Path, venv: Path, digest: str) -> None:
    venv.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bundle) as archive:
        facts = json.loads(archive.read("bundle.json"))
        shutil.rmtree(venv, ignore_errors=True)
        if "checkout" in facts:
            _link(facts, venv)
        else:
            _check_python(facts)
            _build(archive, facts, venv)
    mark = venv / f".{MARK}.new"
    mark.write_text(json.dumps({"digest": digest, "python": sys.version.split()[0]}))
    mark.replace(venv / MARK)
    _forget_old(venv)


def _link(facts: dict, venv: Path) -> None:
    """Make what looks like an environment, of a Python and a folder that are there already."""
    for name in ("python", "checkout"):
        if not Path(facts[name]).exists():
            raise InstallError(f"{facts[name]} is not there: it was packaged from another checkout")
    (venv / "bin").mkdir(parents=True)
    start = venv / "bin" / "python"
    start.write_text(f'#!/bin/sh\nexec "{facts["python"]}" "$@"\n')
    start.chmod(0o755)
    (venv / "component").symlink_to(facts["checkout"], target_is_directory=True)


def _build(archive: zipfile.ZipFile, facts: dict, venv: Path) -> None:
    with tempfile.TemporaryDirectory(dir=venv.parent, prefix=".bundle-") as folder:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > UNPACKED_BYTES_MAX:
            raise InstallError(f"the bundle unpacks to {size} bytes, at most {UNPACKED_BYTES_MAX}")
        archive.extractall(folder)
        # The bundle brings its own pip: the system's ensurepip would take most of the time.
        make = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
        _run(make, "making the virtual environment")
        wheels = Path(folder) / "wheels"
        (pip,) = (Path(folder) / "pip").glob("pip-*.whl")
        command = [str(venv / "bin" / "python"), str(pip / "pip"), "install", "--quiet"]
        command += ["--no-index", "--find-links", str(wheels), "--no-cache-dir"]
        command += ["--disable-pip-version-check", *facts["requirements"]]
        _run(command, "installing the wheels")
        shutil.copytree(Path(folder) / "component", venv / "component")


def _run(command: list, what: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InstallError(f"{what} failed: {' / '.join(said[-4:])}")


def _check_python(facts: dict) -> None:
    have = sys.version_info[:2]
    if have < PYTHON_MIN:
        raise InstallError(f"Python {have[0]}.{have[1]} is too old: 3.9 at least")
    wanted = facts.get("python_versions") or []
    if wanted and f"{have[0]}.{have[1]}" not in wanted:
        raise InstallError(
            f"the bundle is for Python {', '.join(wanted)}, and this is {have[0]}.{have[1]}: "
            f"package it again with --python {have[0]}.{have[1]}"
        )
    machines = facts.get("machines") or []
    machine = os.uname().machine
    if machines and machine not in machines:
        raise InstallError(
            f"the bundle is for {', '.join(machines)}, and this is {machine}: "
            f"package it again with --machine {machine}"
        )
    try:
        import venv  # noqa: F401, PLC0415  whether it is there
    except ImportError:
        raise InstallError(
            "this Python can't make virtual environments: sudo apt-get install python3-venv"
        ) from None


def _is_installed(venv: Path, digest: str) -> bool:
    try:
        mark = json.loads((venv / MARK).read_text())
    except (OSError, ValueError):
        return False
    whole = (venv / "bin" / "python").exists() and (venv / "component").exists()
    return whole and mark == {"digest": digest, "python": sys.version.split()[0]}


def _forget_old(venv: Path) -> None:
    """Remove environments of versions before the one before this."""
    others = [one for one in venv.parent.glob("venv-*") if one != venv and one.is_dir()]
    others.sort(key=lambda one: one.stat().st_mtime, reverse=True)
    for one in others[KEPT_VERSIONS - 1 :]:
        shutil.rmtree(one, ignore_errors=True)


def _digest(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            whole.update(chunk)
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
