"""Look into MicroPython's image for a chip, the .bin that its makers offer for download.

It holds boot loader, partition table and application, from the chip's image offset on. Nothing
of it is believed before its checksums are right: half a download would make half a board.
"""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tidectl import esptool, partition_table
from tidectl.boards import Board, board_of_chip
from tidectl.errors import TidectlError
from tidectl.esptool import EsptoolError
from tidectl.flash_layout import FlashLayout, divided, kind_of, layout_of
from tidectl.partition_table import Partition, PartitionTableError

VERSION_MIN = (1, 23)  # older ones lack what the firmware calls: load_cert_chain, ssl by DER
BYTES_MAX = 16 << 20
_VERSION = re.compile(rb"MicroPython v(\d+)\.(\d+)[\w.\-+]*")


@dataclass(frozen=True, slots=True)
class MicropythonImage:
    """What an image is, and where in the flash it belongs."""

    path: Path
    board: Board
    version: str  # 1.27.0, empty where it names none
    sha256: str
    size_bytes: int
    partitions: tuple[Partition, ...]

    def layout(self, flash_bytes: int) -> FlashLayout:
        """Return how this MicroPython is laid out on such a flash; raises `TidectlError`.

        With the partitions for outbox and program that the board's layout has, where there is room.
        """
        try:
            layout = layout_of(self.partitions, flash_bytes)
        except PartitionTableError as error:
            raise TidectlError(f"{self.path.name}: {error}", self.hint()) from error
        if self.board.image_offset + self.size_bytes > layout.files.offset:
            raise TidectlError(
                f"{self.path.name} of {self.size_bytes} bytes reaches over its files' partition at"
                f" {layout.files.offset:#x}",
                self.hint(),
            )
        return divided(layout, kind_of(self.board, self.partitions))

    def with_table(self, partitions: Sequence[Partition]) -> bytes:
        """Return the image with another partition table; raises `TidectlError`."""
        at = partition_table.OFFSET - self.board.image_offset
        data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise TidectlError(f"{self.path.name} has changed meanwhile", "run it again")
        return (
            data[:at] + partition_table.build(partitions) + data[at + partition_table.BYTES_MAX :]
        )

    def hint(self) -> str:
        """Say where the right image is."""
        return f"take the newest .bin of {self.board.download_url}"


def read_image(path: Path) -> MicropythonImage:
    """Return what the file at `path` is; raises `TidectlError` where it would not boot."""
    try:
        size_bytes = path.stat().st_size
        data = path.read_bytes() if size_bytes <= BYTES_MAX else b""
    except OSError as error:
        raise TidectlError(
            f"can't read {path}: {error.strerror}",
            "give the .bin you downloaded; tidectl boards has the pages",
        ) from error
    if not data:
        raise TidectlError(
            f"{path.name} of {size_bytes} bytes is no image", "see tidectl boards for the downloads"
        )
    board = _board_of(path, path.name)
    image = MicropythonImage(
        path=path,
        board=board,
        version=_version(data),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=size_bytes,
        partitions=_partitions(path, data, board),
    )
    _check_application(image, data)
    return image


def _board_of(path: Path, name: str) -> Board:
    try:
        return board_of_chip(esptool.image_chip(path))
    except EsptoolError as error:
        raise TidectlError(
            f"{name} is damaged, or no image of MicroPython: {error}",
            "download it again; see tidectl boards for the pages",
        ) from error


def _partitions(path: Path, data: bytes, board: Board) -> tuple[Partition, ...]:
    try:
        return partition_table.parse(data[partition_table.OFFSET - board.image_offset :])
    except PartitionTableError as error:
        raise TidectlError(
            f"{path.name}: {error}",
            f"take the whole image, not only its application or update: {board.download_url}",
        ) from error


def _check_application(image: MicropythonImage, data: bytes) -> None:
    """Check the application as the boot loader will, and that the firmware can run on it."""
    try:
        partition = partition_table.application_of(image.partitions)
    except PartitionTableError as error:
        raise TidectlError(f"{image.path.name}: {error}", image.hint()) from error
    begin = partition.offset - image.board.image_offset
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data[begin : begin + partition.size_bytes])
        file.flush()
        board = _board_of(Path(file.name), image.path.name)
    if board != image.board:
        raise TidectlError(
            f"{image.path.name} boots a {image.board.chip} and holds an application for"
            f" {board.chip}",
            image.hint(),
        )
    numbers = tuple(int(number) for number in image.version.split(".")[:2] if number.isdigit())
    if image.version and numbers < VERSION_MIN:
        oldest = ".".join(map(str, VERSION_MIN))
        raise TidectlError(
            f"{image.path.name} is MicroPython {image.version}, {oldest} is the oldest",
            image.hint(),
        )


def _version(data: bytes) -> str:
    found = _VERSION.search(data)
    return found[0].decode().removeprefix("MicroPython v") if found else ""
