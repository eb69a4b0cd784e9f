"""Where the bytes of one segment lie: in a file, or in memory."""

import os
from pathlib import Path
from typing import Protocol

from tidegate.segment_log.errors import LogWriteError


class Block(Protocol):
    """Bytes that grow at their end."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def append(self, parts: list[bytes]) -> None:
        """Add all `parts`, or none and raise `LogWriteError`."""

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on; raises `OSError`."""

    def cut(self, size: int) -> None:
        """Forget what lies behind `size`."""

    def sync(self) -> None:
        """Return when all is on the disk; raises `LogWriteError`."""

    def close(self) -> None:
        """Let go of the file; reading goes on, appending opens it again."""

    def delete(self) -> None:
        """Remove it for good."""


class FileBlock:
    """A block in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size if path.exists() else 0
        self._fd = -1

    def append(self, parts: list[bytes]) -> None:
        data = b"".join(parts)
        try:
            fd, done = self._open(), 0
            while done < len(data):
                done += os.pwrite(fd, memoryview(data)[done:], self.size + done)
        except OSError as error:
            self._undo()
            raise LogWriteError(f"{self.path}: {error.strerror}") from error
        self.size += len(data)

    def read(self, offset: int, count: int) -> bytes:
        if self._fd >= 0:
            return os.pread(self._fd, count, offset)
        with self.path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), count, offset)

    def cut(self, size: int) -> None:
        os.ftruncate(self._open(), size)
        self.size = size

    def sync(self) -> None:
        try:
            os.fdatasync(self._open())
        except OSError as error:
            raise LogWriteError(f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._fd < 0:
            # Not O_APPEND: after a write that failed half way the next one begins at `size`.
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def _undo(self) -> None:
        if self._fd >= 0:
            try:
                os.ftruncate(self._fd, self.size)
            except OSError:
                return  # a torn tail, which the next append overwrites and recovery would cut


class MemoryBlock:
    """A block that ends with its process."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    def append(self, parts: list[bytes]) -> None:
        self._data += b"".join(parts)

    def read(self, offset: int, count: int) -> bytes:
        return bytes(memoryview(self._data)[offset : offset + count])

    def cut(self, size: int) -> None:
        del self._data[size:]

    def sync(self) -> None:
        """There is no disk."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def delete(self) -> None:
        self._data.clear()
