"""What of a thing's board is on this machine: whether it runs, what waits in its flash image."""

from dataclasses import dataclass
from pathlib import Path

from tidectl.firmware_image import FirmwareImageError, queued_batches
from tidectl.outbox_files import ring_batches
from tidectl.simulated_board import image_in_use, outbox_partition
from tidenode.errors import OutboxError

READS_MAX = 5


@dataclass(frozen=True, slots=True)
class BoardState:
    """A flash image, and the board that may run on it."""

    running: bool
    queued_batches: int | None  # None: it can't be read, or changes while it is


def board_state(image_path: Path) -> BoardState | None:
    """Return the state of the board on `image_path`, or None where there is no image."""
    if not image_path.exists():
        return None
    image = still_image(image_path)
    partition = outbox_partition(image_path)
    ring = still_image(partition) if partition.exists() else b""
    queued = None
    if image is not None and ring is not None:
        try:
            queued = len(queued_batches(image) | (ring_batches(ring) if ring else {}))
        except (FirmwareImageError, OutboxError):
            queued = None
    return BoardState(image_in_use(image_path), queued)


def still_image(image_path: Path) -> bytes | None:
    """Return an image that was not written to while it was read: half a write is no image."""
    before = b""
    for _ in range(READS_MAX):
        image = image_path.read_bytes()
        if image == before:
            return image
        before = image
    return None
