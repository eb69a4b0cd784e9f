"""Follow what a simulated board logs, from now on: why it does not connect, what it waits for."""

from pathlib import Path

LINES_MAX = 20  # at a time; a board that logs more has them in its file
_BYTES_MAX = 65_536


class BoardLog:
    """The lines that come to the file at `path` after this was made; it need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = self._size()

    def news(self) -> list[str]:
        """Return the whole lines since the last call; of very many the newest, and their number."""
        size = self._size()
        if size < self._at:
            self._at = 0  # somebody has emptied it
        if size == self._at:
            return []
        with open(self._path, "rb") as file:
            file.seek(max(self._at, size - _BYTES_MAX))
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._at = size - (len(data) - whole) if whole else self._at
        lines = data[:whole].decode(errors="replace").splitlines()
        more = len(lines) - LINES_MAX
        return [f"... {more} more in {self._path}", *lines[more:]] if more > 0 else lines

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0
