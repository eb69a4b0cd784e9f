"""All streams of a stream manager, a folder each under its root.

A folder with a `definition.json` is a stream: that file is the first to come and the first to
go, so that a kill leaves a stream or none. Streams in memory end with the process.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tidegate.segment_log import LogError
from tidegate.segment_log.cursors import file_name, replace_file
from tidegate.segment_log.folder import locked, sync_folder
from tidegate.streams.definition import StreamDefinition, definition_of
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.status import Status
from tidegate.streams.stream import Stream

DEFINITION = "definition.json"
STREAMS_MAX = 256  # each holds two files open
_UNREADABLE = ".unreadable"

log = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Store:
    """The streams under `root`; opens all that are there.

    `unreadable` folders were set aside at the start, with a name that ends so: their definition
    is none. `changed` is called after each change of a definition. Raises `LogLockedError`
    where another process has them, and `OSError`.
    """

    def __init__(self, root: Path, *, clock_ms: Callable[[], int] = _now_ms) -> None:
        self._root, self._clock_ms = root, clock_ms
        self._streams: dict[str, Stream] = {}
        self.unreadable = 0
        self.changed: Callable[[], None] = lambda: None
        self._lock_fd = locked(root)
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            if folder.suffix != _UNREADABLE:
                self._open(folder)

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._streams.values()))

    def find(self, name: object) -> Stream | None:
        """Return the stream of this name, None where there is none."""
        return self._streams.get(name) if isinstance(name, str) else None

    def get(self, name: object) -> Stream:
        """Return the stream of this name; raises `StreamRequestError`."""
        stream = self.find(name)
        if stream is None:
            raise StreamRequestError(
                Status.RESOURCE_NOT_FOUND, f"there is no stream {str(name)[:255]!r}: create it"
            )
        return stream

    def create(self, wire: object) -> None:
        """Make a stream; raises `StreamRequestError`."""
        definition = definition_of(wire)
        if definition.name in self._streams:
            raise StreamRequestError(
                Status.INVALID_REQUEST, f"the stream {definition.name!r} exists already"
            )
        if len(self._streams) >= STREAMS_MAX:
            raise StreamRequestError(
                Status.INVALID_REQUEST, f"{STREAMS_MAX} streams are there already: delete some"
            )
        folder = None if definition.in_memory else self._root / file_name(definition.name)
        try:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)  # half of an older one, at most
                folder.mkdir(mode=0o700)
                _write(folder, definition)
            stream = Stream(definition, folder, self._clock_ms)
        except (LogError, OSError) as error:
            raise StreamRequestError(Status.UNKNOWN_FAILURE, f"not made: {error}") from error
        self._streams[definition.name] = stream
        self.changed()

    def update(self, wire: object) -> None:
        """Change a stream's definition; raises `StreamRequestError`."""
        definition = definition_of(wire)
        stream = self.get(definition.name)
        if wrong := stream.wrong_update(definition):
            raise StreamRequestError(Status.UPDATE_NOT_ALLOWED, wrong)
        try:
            if stream.folder:
                _write(stream.folder, definition)
            stream.redefine(definition)
        except OSError as error:
            raise StreamRequestError(Status.UPDATE_FAILED, f"not stored: {error}") from error
        self.changed()

    def delete(self, name: object) -> None:
        """Delete a stream with all that is in it; raises `StreamRequestError`."""
        stream = self.get(name)
        try:
            if stream.folder:
                (stream.folder / DEFINITION).unlink()
            del self._streams[stream.definition.name]
            stream.log.destroy()
            if stream.folder:
                shutil.rmtree(stream.folder, ignore_errors=True)
        except OSError as error:
            raise StreamRequestError(Status.UNKNOWN_FAILURE, f"not deleted: {error}") from error
        finally:
            self.changed()

    def names(self) -> list[str]:
        """Return the names of all streams."""
        return sorted(self._streams)

    def maintain(self) -> None:
        """Do what is due in each stream: sync, and let go what is too old."""
        for stream in self:
            try:
                stream.log.maintain()
            except (LogError, OSError) as error:
                log.warning("upkeep failed stream=%s error=%s", stream.definition.name, error)

    def close(self) -> None:
        """Sync and close all streams."""
        for stream in self:
            try:
                stream.log.close()
            except (LogError, OSError) as error:
                log.error("not synced stream=%s error=%s", stream.definition.name, error)
        self._streams.clear()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _open(self, folder: Path) -> None:
        path = folder / DEFINITION
        if not path.exists():
            shutil.rmtree(folder, ignore_errors=True)  # half made, or half deleted
            return
        try:
            definition = definition_of(json.loads(path.read_bytes()))
            stream = Stream(definition, folder, self._clock_ms)
        except (StreamRequestError, ValueError) as error:
            self.unreadable += 1
            folder.rename(folder.with_name(f"{folder.name}.{self._clock_ms()}{_UNREADABLE}"))
            log.error("a stream was set aside folder=%s error=%s", folder, error)
            return
        if stream.log.torn_bytes:
            log.info("cut a torn tail stream=%s bytes=%d", definition.name, stream.log.torn_bytes)
        self._streams[definition.name] = stream


def _write(folder: Path, definition: StreamDefinition) -> None:
    text: dict[str, Any] = definition.to_wire()
    replace_file(folder / DEFINITION, json.dumps(text, indent=1).encode())
    sync_folder(folder)
    sync_folder(folder.parent)
