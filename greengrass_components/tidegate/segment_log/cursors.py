"""How far each reader has come: a small file each, replaced atomically.

A reader's name may be any text; the file's name is made from it, and the text stands inside.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

SUFFIX = ".cursor"
_NAME_BYTES_MAX = 120  # of a file's name; file systems take 255


@dataclass(frozen=True, slots=True)
class Cursor:
    """`next_sequence` is the first record that the reader has not finished.

    The rest is the reader's own account: how much it has finished in all, and when it last did.
    """

    next_sequence: int = 0
    records: int = 0
    payload_bytes: int = 0
    moved_at_ms: int = 0


def file_name(name: str) -> str:
    """Return a name for a file or folder that stands for `name`, and for no other."""
    quoted = quote(name, safe="").replace(".", "%2E")
    if len(quoted) <= _NAME_BYTES_MAX:
        return quoted
    return f"{quoted[: _NAME_BYTES_MAX - 33]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a cut leaves the old or the new; raises `OSError`."""
    beside = path.with_name(f"{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        done = 0
        while done < len(data):
            done += os.write(fd, memoryview(data)[done:])
        os.fsync(fd)
    finally:
        os.close(fd)
    beside.replace(path)


class Cursors:
    """The cursors of one log, in its folder; in memory only where `folder` is None."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: dict[str, Cursor] = {}
        self._changed_ns = 0
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder else ():
            try:
                facts = json.loads(path.read_bytes())
                reader = str(facts.pop("reader"))
                self._held[reader] = Cursor(**facts)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # no file of ours: its reader begins where a new one does, and repeats

    def reload(self) -> None:
        """Read the files again if any was replaced: readers in other processes write theirs."""
        changed_ns = self._folder.stat().st_mtime_ns if self._folder else 0
        if changed_ns != self._changed_ns:
            self._changed_ns = changed_ns
            self._held |= Cursors(self._folder)._held

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._held))

    def get(self, reader: str) -> Cursor | None:
        """Return where `reader` is, None where it has no cursor."""
        return self._held.get(reader)

    def put(self, reader: str, cursor: Cursor, *, durable: bool = True) -> None:
        """Keep where `reader` is; on the disk when this returns. Raises `OSError`.

        Not `durable`, it is in memory only, until the next that is: for a reader that may read
        some records twice after a kill, and spares the disk a write for each.
        """
        if self._folder and durable:
            text = json.dumps({"reader": reader, **asdict(cursor)})
            replace_file(self._folder / f"{file_name(reader)}{SUFFIX}", text.encode())
        self._held[reader] = cursor

    def remove(self, reader: str) -> None:
        """Forget `reader`."""
        if self._held.pop(reader, None) is not None and self._folder:
            (self._folder / f"{file_name(reader)}{SUFFIX}").unlink(missing_ok=True)

    def least(self) -> int | None:
        """Return the sequence number that every reader has reached, None without readers."""
        return min((cursor.next_sequence for cursor in self._held.values()), default=None)

    def greatest(self) -> int | None:
        """Return the sequence number that the foremost reader has reached."""
        return max((cursor.next_sequence for cursor in self._held.values()), default=None)
