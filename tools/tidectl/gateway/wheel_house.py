"""The wheels that a component needs on a device: downloaded for it once, or made here.

Flow: requirements, machine, Python -> pip download -> [wheel house] -> bundle
Kept in `<home>/wheels/`, so that packing again asks no index.
"""

import base64
import ensurepip
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.project import ROOT

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name: same sources, same bytes
_READABLE = 0o100644 << 16
PACKAGES = (ROOT / "greengrass_components" / "tidegate", ROOT / "firmware" / "lib" / "tidewire")
# They run on laptops only.
_SHIPPED = (".py", ".html")  # the status page is one of the latter
_NOT_SHIPPED = ("nucleus", "simulators")
DOWNLOAD_S_MAX = 900
# Of the platforms a wheel may name for a machine, the oldest first; PyPI has few for armv7l.
PLATFORMS = {
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
    "aarch64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
    "armv7l": ("manylinux2014_armv7l", "manylinux_2_17_armv7l", "manylinux_2_31_armv7l",
               "linux_armv7l"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """What the wheels are for; Raspberry Pi OS 12 is aarch64 or armv7l with Python 3.11."""

    machine: str
    python: str


def wheels_for(home: Home, requirements: Sequence[str], devices: Sequence[Device]) -> list[Path]:
    """Return the wheels of `requirements`, and of what they need, for every device.

    Raises `TidectlError`, naming what has no wheel.
    """
    found: dict[str, Path] = {}
    for device in devices:
        for path in _downloaded(home, requirements, device):
            found[path.name] = path
    return [found[name] for name in sorted(found)]


def pip_wheel() -> Path:
    """Return the wheel of pip that this Python has; raises `TidectlError`."""
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    found = [wheel for place in places for wheel in place.glob("pip-*.whl")]
    if not found:
        raise TidectlError(
            "this Python has no wheel of pip to put into bundles",
            "sudo apt-get install python3-venv",
        )
    return found[0]


def own_wheel(folder: Path) -> Path:
    """Write the wheel of `tidegate` and `tidewire` into `folder` and return its path."""
    number = version("tidegauge")
    files = {}
    for package in PACKAGES:
        for source in sorted(path for end in _SHIPPED for path in package.rglob(f"*{end}")):
            name = source.relative_to(package.parent)
            if name.parts[1] not in _NOT_SHIPPED:
                files[name.as_posix()] = source.read_bytes()
    info = f"tidegate-{number}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: tidegate\nVersion: {number}\n"
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tidectl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    path = folder / f"tidegate-{number}-py3-none-any.whl"
    write_zip(path, files)
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """Write a zip whose bytes depend on nothing but its files."""
    draft = path.with_name(f".{path.name}.new")
    with zipfile.ZipFile(draft, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = _READABLE
            kind = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, kind)
    draft.replace(path)


def _downloaded(home: Home, requirements: Sequence[str], device: Device) -> list[Path]:
    if not requirements:
        return []
    key = json.dumps([sorted(requirements), device.machine, device.python])
    name = f"{device.machine}-{device.python}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder = home.make(home.path / "wheels" / name)
    if not (folder / "complete").exists():
        _download(folder, requirements, device)
        (folder / "complete").touch()
    return sorted(folder.glob("*.whl"))


def _download(folder: Path, requirements: Sequence[str], device: Device) -> None:
    platforms = PLATFORMS.get(device.machine)
    if platforms is None:
        raise TidectlError(
            f"{device.machine} is no machine that gateways are", f"take {', '.join(PLATFORMS)}"
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", device.python]
    for platform in (*platforms, "any"):
        command += ["--platform", platform]
    try:
        done = subprocess.run(
            [*command, *requirements],
            capture_output=True,
            text=True,
            check=False,
            timeout=DOWNLOAD_S_MAX,
        )
    except subprocess.TimeoutExpired:
        raise TidectlError(f"no wheels after {DOWNLOAD_S_MAX} s", "see your network") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise TidectlError(
            f"no wheels for {device.machine}, Python {device.python}: {lines[-1]}",
            "32-bit Raspberry Pi OS: set PIP_EXTRA_INDEX_URL to piwheels, or take 64 bits"
            if device.machine == "armv7l"
            else "see your network, and the package's own page for its platforms",
        )


def _record(files: dict[str, bytes], own_name: str) -> bytes:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{own_name},,", ""]).encode()
