"""A flash chip in a file: the block device under the simulated board's LittleFS.

Writes reach the host's page cache at once, so that a killed process loses none. As on a
chip, erasing sets a whole block and programming writes within it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLOCK_BYTES = 4096
_ERASED = b"\xff" * 256  # a sixteenth of a block: the heap is the board's
_SYNC = 3
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6


class Flash:
    """Blocks of the file at `path`, whose size says how many."""

    def __init__(self, path: str) -> None:
        self._file: Any = open(path, "r+b")  # noqa: SIM115  # open as long as the board runs
        self._blocks = self._file.seek(0, 2) // _BLOCK_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill `buffer` from `offset` of `block` on."""
        self._file.seek(block * _BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block: int, buffer: bytes, offset: "int | None" = None) -> None:
        """Program `buffer`; without `offset` the block is erased first."""
        if offset is None:
            self._erase(block)
        self._file.seek(block * _BLOCK_BYTES + (offset or 0))
        self._file.write(buffer)

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Answer LittleFS about the device, and erase for it."""
        if operation == _BLOCK_COUNT:
            return self._blocks
        if operation == _BLOCK_SIZE:
            return _BLOCK_BYTES
        if operation == _ERASE:
            self._erase(argument)
        return 0

    def _erase(self, block: int) -> None:
        self._file.seek(block * _BLOCK_BYTES)
        for _ in range(_BLOCK_BYTES // len(_ERASED)):
            self._file.write(_ERASED)
