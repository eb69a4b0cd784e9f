"""Put MicroPython and a thing's files on a board, in one go.

Flow: image + thing's folder -> checks -> [esptool] -> flash, read back and compared
Nothing is erased before everything that can be known beforehand is known to fit. A step that
fails says what to do; all of it may be run again.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidectl import esptool, firmware_image
from tidectl.boards import board_of_chip
from tidectl.errors import TidectlError
from tidectl.esptool import Chip, Connection, EsptoolError, Part
from tidectl.firmware_image import FirmwareImageError
from tidectl.micropython_image import MicropythonImage, read_image
from tidectl.partition_table import Partition
from tidectl.progress import Progress
from tidectl.thing import ThingFolder

AGAIN = "until it ends well the board does not boot; running it again is safe"
_RESERVE = "board.img"  # what was read off a board that is being written, until that is done
_FILES_BEGIN_PERCENT = 50  # MicroPython is the first of two parts
_LOOPBACK = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True)
class Flashed:
    """What is now on the board."""

    chip: Chip
    image: MicropythonImage
    files: Partition
    kept_batches: int  # that waited on the board and still do


def flash(
    port: str,
    folder: ThingFolder,
    image_path: Path,
    *,
    baud: int,
    erase: bool,
    progress: Progress,
) -> Flashed:
    """Make the board on `port` the thing of `folder`; raises `TidectlError`.

    With `erase` the whole flash is erased first. Without, what waits in the board's outbox is
    read first and put back, as are its counters.
    """
    progress.step(f"checking {image_path.name}")
    image = read_image(image_path)
    progress.note(f"  MicroPython {image.version or '(no version)'} for {image.board.chip}")
    progress.note(f"  SHA-256 {image.sha256}; the official one: {image.board.download_url}")
    progress.step(f"looking for a chip on {port}")
    chip = esptool.detect(port, baud, stay=True)
    progress.note(f"  {chip.description}, {chip.flash_bytes >> 20} MB of flash, {chip.mac}")
    connection = Connection(port, chip, baud)
    with _scratch(folder) as scratch:
        path = scratch / "files.img"
        try:
            _refuse_another_chip(image, chip, port)
            files = image.files(chip.flash_bytes)
            kept_batches = _make_files(connection, folder, files, path, progress, erase=erase)
        except TidectlError:
            with suppress(EsptoolError):
                esptool.detect(port, baud)  # lets the chip boot what it has
            raise
        parts = [Part(image.board.image_offset, image.path), Part(files.offset, path)]
        _write(connection, parts, _reserve(folder), erase=erase, progress=progress)
    return Flashed(chip, image, files, kept_batches)


def hardware_notes(config: Mapping[str, Any]) -> list[str]:
    """Return why a real board would not get through with this configuration."""
    notes = []
    if not config.get("wifi"):
        notes.append("its configuration has no wifi: a real board will not get online")
    host = str(config.get("broker", {}).get("host", ""))
    if host.startswith(_LOOPBACK):
        notes.append(f"its broker is {host}, which only this machine reaches")
    clock = config.get("clock") or {}
    if "sntp_host" in clock and clock["sntp_host"] is None:
        notes.append("clock.sntp_host is null: a real board starts in the year 2000 and waits")
    return notes


def _refuse_another_chip(image: MicropythonImage, chip: Chip, port: str) -> None:
    if image.board.chip != chip.name:
        right = board_of_chip(chip.name)
        raise TidectlError(
            f"{image.path.name} is for {image.board.chip}, and on {port} is {chip.name}",
            f"take the newest .bin of {right.download_url}",
        )


def _make_files(
    connection: Connection,
    folder: ThingFolder,
    files: Partition,
    path: Path,
    progress: Progress,
    *,
    erase: bool,
) -> int:
    """Make the image of the files at `path`; return how many of the board's batches it holds."""
    if erase:
        _reserve(folder).unlink(missing_ok=True)
    elif batches := _keep_outbox(connection, folder, files, path, progress):
        return batches
    if not path.exists():
        progress.step(f"laying {folder.thing}'s files into {files.size_bytes >> 10} KB")
        try:
            image = firmware_image.image_of(folder.files(), files.size_bytes)
        except FirmwareImageError as error:
            raise TidectlError(str(error), "see firmware/README.md") from error
        firmware_image.save_image(path, image)
    return 0


def _keep_outbox(
    connection: Connection, folder: ThingFolder, files: Partition, path: Path, progress: Progress
) -> int:
    """Make the image at `path` out of the board's own; return how many batches wait in it.

    Makes none where the board has no files. What was read stays in the thing's folder until the
    board is written: the write may be cut, and then that is the only copy.
    """
    if folder.identity_on_board:
        raise TidectlError(
            f"the key of {folder.thing} is on its board, which flashing would take it from",
            f"to keep both: tidectl sync; to begin anew: tidectl flash PORT {folder.thing} --erase",
        )
    reserve = _reserve(folder)
    if reserve.exists() and reserve.stat().st_size == files.size_bytes:
        progress.note("  the last flashing was cut: its copy of the board's files goes on")
    else:
        progress.step("reading the board's files")
        firmware_image.save_image(path, b"")  # esptool writes into it, its owner's only
        part = Part(files.offset, path)
        esptool.read(connection, part, files.size_bytes, show=progress.at)
        path.replace(reserve)
    image = reserve.read_bytes()
    try:
        batches = len(firmware_image.queued_batches(image))
    except FirmwareImageError:
        reserve.unlink()
        progress.note("  it has no files that can be read: nothing to keep")
        return 0
    firmware_image.save_image(path, image)
    try:
        firmware_image.update_image(path, *folder.image_parts(), update_keys=folder.update_keys())
    except FirmwareImageError as error:
        path.unlink()
        reserve.unlink()
        raise TidectlError(
            f"can't keep what is on the board: {error}".replace(str(path), "it"),
            "give --erase to let it go",
        ) from error
    return batches


def _write(
    connection: Connection, parts: list[Part], reserve: Path, *, erase: bool, progress: Progress
) -> None:
    """Write and compare; the reserve goes unless the files on the board may be in pieces."""
    total = sum(part.path.stat().st_size for part in parts)
    reached = 0

    def show(percent: int) -> None:
        nonlocal reached
        reached = percent
        progress.at(percent)

    try:
        first = "erasing the flash, then writing" if erase else "writing"
        progress.step(f"{first} {total >> 10} KB")
        esptool.write(connection, parts, erase=erase, show=show)
        progress.step("comparing the flash with what was written")
        esptool.verify(connection, parts)
        reached = 0
    except EsptoolError as error:
        raise TidectlError(
            f"the board is half written: {error}", f"{error.hint}; {AGAIN}"
        ) from error
    except KeyboardInterrupt:
        progress.note(f"the board is half written: {AGAIN}")
        raise
    finally:
        if reached < _FILES_BEGIN_PERCENT:
            reserve.unlink(missing_ok=True)


def _reserve(folder: ThingFolder) -> Path:
    return folder.path / _RESERVE


@contextmanager
def _scratch(folder: ThingFolder) -> Iterator[Path]:
    """Yield a directory inside the thing's own, so that the key never leaves it."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.path, prefix=".flash-") as scratch:
            yield Path(scratch)
    except OSError as error:
        raise TidectlError(
            f"can't write to {folder.path}: {error.strerror}", "free some space"
        ) from error
