"""Choose where the outbox lies: on a partition of its own where the flash has one, else in files.

Only a start needs it. Awake or asleep, a board chooses the same: its sequence is there.
"""

from tidenode.forgetting import forget
from tidenode.recovery import recover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def storage_of(settings: "Any", folder: str) -> "tuple[Any, int]":
    """Return the storage for the section `outbox` of the settings; files lie in `folder`.

    And how many batches to gather for it: none on a ring, where a batch alone costs no more.
    """
    if settings.partition:
        import esp32

        data: int = esp32.Partition.TYPE_DATA
        for partition in esp32.Partition.find(data, label=settings.partition):
            from tidenode.taking_over import ring_of

            ring = ring_of(partition, folder)
            forget("ring_recovery", "recovery", "taking_over", "segments")
            return ring, 1
    from tidenode.segments import Segments

    segments = Segments(folder=folder, found=recover(folder), bytes_max=settings.bytes_max)
    return segments, settings.sync_batches
