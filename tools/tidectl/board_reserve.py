"""What was read off a board that is being written, until that is done.

The write may be cut, and then this is the only copy of what waited on the board. It lies in the
thing's folder, its owner's only, since it holds the key.
"""

from pathlib import Path

from tidectl.firmware_image import save_image
from tidectl.thing import ThingFolder

TABLE, FILES = "board.table", "board.img"


class BoardReserve:
    """The reserve of the board of `folder`; there is none unless a flashing was cut."""

    def __init__(self, folder: ThingFolder) -> None:
        self._table = folder.path / TABLE
        self._files = folder.path / FILES

    def table(self) -> bytes | None:
        """Return the partition table that the board had before it was written."""
        return _read(self._table)

    def files(self, size_bytes: int) -> bytes | None:
        """Return the board's files, if they are of this size."""
        files = _read(self._files)
        return files if files is not None and len(files) == size_bytes else None

    def keep(self, table: bytes, files: bytes) -> None:
        """Keep both until `drop`."""
        save_image(self._table, table)
        save_image(self._files, files)

    def drop_files(self) -> None:
        """Let the files go: they were as they were, and newer by the next time."""
        self._files.unlink(missing_ok=True)

    def drop(self) -> None:
        """Let all go: the board is whole, or is to begin anew."""
        self.drop_files()
        self._table.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
