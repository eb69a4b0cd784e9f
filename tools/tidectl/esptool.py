"""Run esptool: what chip is on a port, write its flash, read it, look into an image file.

A process, never an import: esptool is GPL. File names are all it is given; it shows no content.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidectl.errors import TidectlError
from tidectl.program import find_program

BAUD = 460_800  # what every USB bridge in use manages
DETECT_S_MAX = 60.0
TRANSFER_S_MAX = 1_800.0  # 16 MB at 115,200 baud
READS_MAX = 3  # of the same bytes
_PERCENT = re.compile(r" (\d{1,3})\.\d% ")
_FATAL = re.compile(r"(?:A (?:fatal error|serial exception error) occurred|Error): (.+)")
_FLASH_SIZE = re.compile(r"Detected flash size: (\d+)(KB|MB)")
_WHOLE = 100
_UNIT_BYTES = {"KB": 1 << 10, "MB": 1 << 20}
_CHECKSUMS = re.compile(r"^(Checksum|Validation hash): .*\(invalid", re.MULTILINE)
_BOOT_HINT = "hold BOOT, press and release RESET, let BOOT go, and run the same command again"
_HINTS = (  # part of esptool's message -> what to do about it
    ("no such file", "see tidectl device list for the ports there are"),
    ("permission denied", "join the group of the port, mostly: sudo usermod -aG dialout $USER"),
    ("could not open", "end the program that has the port: a monitor, a shell, an IDE"),
    ("failed to connect", _BOOT_HINT),
    ("no serial data", _BOOT_HINT),
)
# Where the cause is none of these.
_HINT = "look at the cable and the power, try --baud 115200, and run the same command again"

Show = Callable[[int], None]  # called with percents


class EsptoolError(TidectlError):
    """esptool could not do it; the message is its own."""


@dataclass(frozen=True, slots=True)
class Chip:
    """What is on a port."""

    name: str  # ESP32-S3
    description: str  # with its revision
    features: str
    mac: str
    flash_bytes: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A chip that was found on a port, and how fast to talk to it."""

    port: str
    chip: Chip
    baud: int = BAUD

    def words(self) -> list[str]:
        """Return esptool's options for it."""
        option = chip_option(self.chip.name)
        return ["--port", self.port, "--baud", str(self.baud), "--chip", option]


@dataclass(frozen=True, slots=True)
class Part:
    """A file and where it belongs in the flash."""

    offset: int
    path: Path


def chip_option(name: str) -> str:
    """Return what --chip calls the chip that esptool writes as `name`."""
    return name.lower().replace("-", "")


def detect(port: str, baud: int = BAUD, *, stay: bool = False) -> Chip:
    """Return the chip on `port`, which boots then or stays in its boot loader.

    Raises EsptoolError.
    """
    after = "no-reset" if stay else "hard-reset"
    said = _run(["--port", port, "--baud", str(baud), "--after", after, "flash-id"], DETECT_S_MAX)
    size = _FLASH_SIZE.search(said)
    name = _fact(said, r"Connected to (\S+) on")
    if not size or not name:
        raise EsptoolError(f"{name or 'the chip'} does not tell the size of its flash", _HINT)
    return Chip(
        name=name,
        description=_fact(said, r"Chip type: +(.+)"),
        features=_fact(said, r"Features: +(.+)"),
        mac=_fact(said, r"BASE MAC: +(\S+)") or _fact(said, r"MAC: +(\S+)"),
        flash_bytes=int(size[1]) * _UNIT_BYTES[size[2]],
    )


def write(connection: Connection, parts: Sequence[Part], *, erase: bool, show: Show) -> None:
    """Write `parts`, all of the flash erased first if asked; the chip stays in its boot loader.

    `show` gets the percents of all parts together. Raises EsptoolError.
    """
    words = [*connection.words(), "--after", "no-reset", "write-flash"]
    words += ["--erase-all"] if erase else []
    _run([*words, *_addressed(parts)], TRANSFER_S_MAX, _overall(show, len(parts)))


def verify(connection: Connection, parts: Sequence[Part]) -> None:
    """Compare the flash with `parts`, then let the chip boot. Raises EsptoolError."""
    _run([*connection.words(), "verify-flash", *_addressed(parts)], TRANSFER_S_MAX)


def read(connection: Connection, part: Part, size_bytes: int, *, show: Show) -> None:
    """Read `size_bytes` from the part's offset into its file. Raises EsptoolError.

    Reading changes nothing, so what was lost on the way is asked for again: esptool gives a chip
    three seconds, which a busy machine may take itself.
    """
    words = [*connection.words(), "--after", "no-reset", "read-flash"]
    words += [hex(part.offset), hex(size_bytes), str(part.path)]
    for tried in range(1, READS_MAX + 1):
        try:
            _run(words, TRANSFER_S_MAX, show)
            return
        except EsptoolError as error:
            if error.hint != _HINT or tried == READS_MAX:
                raise


def image_chip(path: Path) -> str:
    """Return the chip that the image at `path` is made for, having checked it.

    esptool tells of a wrong checksum and ends well all the same. Raises EsptoolError.
    """
    said = _run(["image-info", str(path)], DETECT_S_MAX)
    broken = _CHECKSUMS.search(said)
    if broken:
        raise EsptoolError(f"its {broken[1].lower()} is wrong")
    return _fact(said, r"Detected image type: (\S+)")


def _addressed(parts: Sequence[Part]) -> list[str]:
    return [word for part in parts for word in (hex(part.offset), str(part.path))]


def _overall(show: Show, count: int) -> Show:
    """Make one run of percents of `count` runs, each of which begins anew."""
    done = last = 0

    def at(percent: int) -> None:
        nonlocal done, last
        if percent < last or last == _WHOLE:
            done += 1
        last = percent
        show(min((_WHOLE * done + percent) // count, _WHOLE))

    return at


def _fact(said: str, pattern: str) -> str:
    found = re.search(pattern, said)
    return found[1].strip() if found else ""


def _run(words: Sequence[str], seconds_max: float, show: Show | None = None) -> str:
    """Return all that esptool says, having shown its percents as they come."""
    program = find_program("esptool")
    if program is None:
        raise EsptoolError("there is no `esptool` on this machine", "see tidectl doctor")
    process = subprocess.Popen(
        [str(program), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    watchdog = threading.Timer(seconds_max, process.kill)
    watchdog.start()
    lines = []
    with process:
        try:
            for line in process.stdout or ():
                lines.append(line)
                percent = _PERCENT.search(line)
                if percent and show:
                    show(int(percent[1]))
            code = process.wait()
        finally:
            watchdog.cancel()
            process.kill()  # interrupted: it must not go on writing behind our back
    said = "".join(lines)
    if code:
        raise _error(said, code)
    return said


def _error(said: str, code: int) -> EsptoolError:
    told = _FATAL.findall(said)
    lines = said.strip().splitlines()
    message = told[-1] if told else lines[-1] if lines else "nothing"
    hint = next((hint for part, hint in _HINTS if part in said.lower()), _HINT)
    return EsptoolError(f"esptool ended with code {code}: {message}", hint)
