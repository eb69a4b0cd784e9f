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
from tidectl.board_keep import BoardKeep
from tidectl.board_reserve import BoardReserve
from tidectl.boards import board_of_chip
from tidectl.errors import TidectlError
from tidectl.esptool import Chip, Connection, EsptoolError, Part
from tidectl.firmware_image import FirmwareImageError
from tidectl.flash_layout import FlashLayout
from tidectl.micropython_image import MicropythonImage, read_image
from tidectl.partition_table import Partition
from tidectl.progress import Progress
from tidectl.thing import ThingFolder

AGAIN = "until it ends well the board does not boot; running it again is safe"
_WHOLE_PERCENT = 100
_LOOPBACK = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True)
class Flashed:
    """What is now on the board."""

    chip: Chip
    image: MicropythonImage
    layout: FlashLayout
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
    reserve = BoardReserve(folder)
    with _scratch(folder) as scratch:
        connection = Connection(port, chip, baud)
        try:
            _refuse_another_chip(image, chip, port)
            layout = image.layout(chip.flash_bytes)
            kept = None
            if erase:
                reserve.drop()
            else:
                kept = BoardKeep(connection, folder, scratch, progress).read(layout)
            layout = kept.layout if kept else layout
            files_path = kept.files if kept else _fresh_files(folder, layout, scratch, progress)
            parts = [_image_part(image, layout, scratch), Part(layout.files.offset, files_path)]
            if not kept and not erase:
                parts += [_blank(one, scratch) for one in (layout.outbox, layout.romfs) if one]
            _tell_layout(layout, progress)
        except TidectlError:
            with suppress(EsptoolError):
                esptool.detect(port, baud)  # lets the chip boot what it has
            raise
        _write(connection, parts, reserve, erase=erase, progress=progress)
    return Flashed(chip, image, layout, kept.batches if kept else 0)


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


def _fresh_files(
    folder: ThingFolder, layout: FlashLayout, scratch: Path, progress: Progress
) -> Path:
    """Return where the image of a fresh board's files is."""
    size_bytes = layout.files.size_bytes
    progress.step(f"laying {folder.thing}'s files into {size_bytes >> 10} KB")
    path = scratch / "files.img"
    try:
        firmware_image.save_image(path, firmware_image.image_of(folder.files(), size_bytes))
    except FirmwareImageError as error:
        raise TidectlError(str(error), "see firmware/README.md") from error
    return path


def _image_part(image: MicropythonImage, layout: FlashLayout, scratch: Path) -> Part:
    """Return MicroPython as it is to be written: with a table of its own if the layout has one."""
    path = image.path
    if layout.partitions != image.partitions:
        path = scratch / "micropython.bin"
        path.write_bytes(image.with_table(layout.partitions))
    return Part(image.board.image_offset, path)


def _blank(partition: Partition, scratch: Path) -> Part:
    """Return an empty partition: what is there now is not this board's."""
    path = scratch / f"{partition.label}.img"
    path.write_bytes(b"\xff" * partition.size_bytes)
    return Part(partition.offset, path)


def _tell_layout(layout: FlashLayout, progress: Progress) -> None:
    for part, what in (
        (layout.files, "files"),
        (layout.outbox, "the outbox"),
        (layout.romfs, "the program to run from"),
    ):
        if part:
            progress.note(f"  {part.size_bytes >> 10} KB for {what} at {part.offset:#x}")


def _write(
    connection: Connection,
    parts: list[Part],
    reserve: BoardReserve,
    *,
    erase: bool,
    progress: Progress,
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
        reserve.drop()
    except EsptoolError as error:
        raise TidectlError(
            f"the board is half written: {error}", f"{error.hint}; {AGAIN}"
        ) from error
    except KeyboardInterrupt:
        progress.note(f"the board is half written: {AGAIN}")
        raise
    finally:
        if reached < _WHOLE_PERCENT / len(parts):  # MicroPython is the first part
            reserve.drop_files()


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
