"""The two storages of an outbox on this machine, each on a flash that outlives it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.firmware.lib.tidenode.ram_flash import RamFlash
from tidenode.outbox import Outbox
from tidenode.recovery import recover
from tidenode.ring import Ring
from tidenode.segments import Segments

BLOCK = 4_096


class Flash:
    """What a board keeps over restarts, and a clock that a test turns."""

    def __init__(self, storage: str, folder: Path, blocks: int = 4) -> None:
        self.storage, self.folder, self.blocks = storage, folder, blocks
        self.cells = bytearray(b"\xff" * (BLOCK * (blocks + 1)))  # a ring has one ahead
        self.device = RamFlash(self.cells)
        self.now_ms = 0
        self.warnings: list[str] = []

    def opened(self, *, sync_batches: int = 1, sync_age_ms: int = 0) -> Outbox:
        """Return the outbox as a start finds it."""
        made: dict[str, Callable[[], Any]] = {
            "segments": lambda: Segments(
                folder=str(self.folder),
                found=recover(str(self.folder)),
                bytes_max=self.blocks * BLOCK,
                block_bytes=BLOCK,
            ),
            "ring": lambda: Ring(self.device),
        }
        return Outbox(
            storage=made[self.storage](),
            now_ms=lambda: self.now_ms,
            warn=self.warnings.append,
            sync_batches=sync_batches,
            sync_age_ms=sync_age_ms,
        )

    def damage(self, payload: bytes) -> None:
        """Turn a bit in the one place where `payload` lies."""
        if self.storage == "ring":
            assert self.cells.count(payload) == 1
            self.cells[self.cells.index(payload)] ^= 1
            return
        (path,) = (one for one in self.folder.iterdir() if payload in one.read_bytes())
        data = bytearray(path.read_bytes())
        data[data.index(payload)] ^= 1
        path.write_bytes(data)

    def assert_bounded(self) -> None:
        """Assert that no more is on it than may be: of counters one each."""
        if self.storage == "segments":
            sizes = [path.stat().st_size for path in self.folder.glob("*.*.*.*")]
            assert sum(max(1, -(-size // BLOCK)) for size in sizes) <= self.blocks
            assert len(list(self.folder.iterdir())) <= len(sizes) + 2
