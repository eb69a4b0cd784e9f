"""Read off a board what its new firmware goes on with: layout, files, what waits to be sent.

Flow: board at a port -> [keep] -> flashing
A board keeps the layout it has: its files and its outbox are where they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidectl import esptool, firmware_image, partition_table
from tidectl.board_reserve import BoardReserve
from tidectl.errors import TidectlError
from tidectl.esptool import Connection, Part
from tidectl.firmware_image import FirmwareImageError
from tidectl.flash_layout import FlashLayout, layout_before
from tidectl.outbox_files import ring_batches
from tidectl.partition_table import Partition
from tidectl.progress import Progress
from tidectl.thing import ThingFolder
from tidenode.errors import OutboxError


@dataclass(frozen=True, slots=True)
class Kept:
    """What goes on: the layout, the files with the new firmware in them, batches that wait."""

    layout: FlashLayout
    files: Path
    batches: int


class BoardKeep:
    """Reads the board at `connection`, which is to become what `folder` has."""

    def __init__(
        self, connection: Connection, folder: ThingFolder, scratch: Path, progress: Progress
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._scratch = scratch
        self._progress = progress
        self._reserve = BoardReserve(folder)

    def read(self, fresh: FlashLayout) -> Kept | None:
        """Return what the board has; None where it has no files that this MicroPython can keep.

        `fresh` is the layout of a board that begins anew. Raises `TidectlError`.
        """
        if self._folder.identity_on_board:
            thing = self._folder.thing
            raise TidectlError(
                f"the key of {thing} is on its board, which flashing would take it from",
                f"to keep both: tidectl sync; to begin anew: tidectl flash PORT {thing} --erase",
            )
        table = self._reserve.table() or self._read(
            "table", partition_table.OFFSET, partition_table.BYTES_MAX
        )
        layout = layout_before(table, fresh, self._connection.chip.flash_bytes)
        image = self._files(table, layout.files)
        try:
            batches = firmware_image.queued_batches(image)
        except FirmwareImageError:
            self._reserve.drop()
            self._progress.note("  it has no files that can be read: nothing to keep")
            return None
        if layout.outbox:
            batches |= self._ring(layout.outbox)
        return Kept(layout, self._renewed(image), len(batches))

    def _files(self, table: bytes, files: Partition) -> bytes:
        image = self._reserve.files(files.size_bytes)
        if image is not None:
            self._progress.note(
                "  the last flashing was cut: its copy of the board's files goes on"
            )
            return image
        self._progress.step("reading the board's files")
        image = self._read("files", files.offset, files.size_bytes, self._progress.at)
        self._reserve.keep(table, image)
        return image

    def _ring(self, outbox: Partition) -> dict[int, bytes]:
        """Return what waits in the board's partition, which stays as it is."""
        self._progress.step("reading the board's outbox")
        cells = self._read("outbox", outbox.offset, outbox.size_bytes, self._progress.at)
        try:
            return ring_batches(cells)
        except OutboxError:
            return {}

    def _renewed(self, image: bytes) -> Path:
        """Return where the files are with the new firmware in them."""
        path = self._scratch / "kept.img"
        firmware_image.save_image(path, image)
        folder = self._folder
        try:
            firmware_image.update_image(
                path, *folder.image_parts(), update_keys=folder.update_keys()
            )
        except FirmwareImageError as error:
            self._reserve.drop()
            raise TidectlError(
                f"can't keep what is on the board: {error}".replace(str(path), "it"),
                "give --erase to let it go",
            ) from error
        return path

    def _read(
        self, name: str, offset: int, size_bytes: int, show: Callable[[int], None] = lambda _: None
    ) -> bytes:
        path = self._scratch / f"board-{name}.bin"
        firmware_image.save_image(path, b"")  # esptool writes into it, its owner's only
        esptool.read(self._connection, Part(offset, path), size_bytes, show=show)
        data = path.read_bytes()
        path.unlink()
        return data
