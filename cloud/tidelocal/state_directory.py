"""The directory that keeps everything of one local cloud, and says when it is ready.

Owned by one process at a time (a lock the kernel drops with the process), readable by its
owner only: it holds the IoT CA's key, device certificates and the store's token.
"""

import errno
import fcntl
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from tidelocal.errors import StartRefusedError, StorageFullError

OWNER_ONLY = 0o077


class StateDirectory:
    """`path`, locked by this process until `close`; raises `StartRefusedError`."""

    def __init__(self, path: Path) -> None:
        os.umask(OWNER_ONLY)
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartRefusedError(f"can't keep state in {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise StartRefusedError(
                f"{path} is in use by another local cloud: end it, or give another --state"
            ) from None
        self._ready_path.unlink(missing_ok=True)

    @property
    def _ready_path(self) -> Path:
        return self.path / "local.json"

    def folder(self, name: str) -> Path:
        """Return the folder `name`, made when absent."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    def fresh_folder(self, name: str) -> Path:
        """Return the folder `name`, emptied: what a killed process left is of no use."""
        shutil.rmtree(self.path / name, ignore_errors=True)
        return self.folder(name)

    def announce(self, facts: dict[str, Any]) -> None:
        """Write local.json: from now on others may use the local cloud."""
        write_whole(self._ready_path, json.dumps(facts, indent=2).encode() + b"\n")

    def withdraw(self) -> None:
        """Remove local.json: the local cloud is ending."""
        self._ready_path.unlink(missing_ok=True)

    def ports(self) -> dict[str, int]:
        """Return the ports of the last run: a deployed stack names them."""
        try:
            kept = dict(json.loads((self.path / "ports.json").read_bytes()))
        except (OSError, TypeError, ValueError):
            return {}
        return {str(name): port for name, port in kept.items() if isinstance(port, int)}

    def keep_ports(self, ports: dict[str, int]) -> None:
        """Remember `ports` for the next run."""
        write_whole(self.path / "ports.json", json.dumps(ports).encode())

    def store_token(self) -> str:
        """Return the store's token, made once and kept in a file its owner alone can read."""
        path = self.path / "store-token"
        try:
            token = path.read_text().strip()
        except FileNotFoundError:
            token = ""
        if not token:
            token = f"apiv3_{secrets.token_urlsafe(48)}"
            write_whole(path, token.encode())
        return token

    def close(self) -> None:
        """Withdraw and let another process have the directory."""
        self.withdraw()
        os.close(self._lock_fd)


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`, all or nothing, owner only; raises `StorageFullError`.

    Flushed to the kernel, not to the disk: it outlives the process, not a power cut.
    """
    draft = path.with_name(path.name + ".new")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError(str(path), error.strerror or "full") from error
        raise
