"""Choose where the outbox lies: on a partition of its own where the flash has one, else in files.

Only a start needs it. Awake or asleep, a board chooses the same: its sequence is there.
"""

from tidenode.forgetting import forget

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
            from tidenode.ring import Ring
            from tidenode.taking_over import take_over

            ring = Ring(partition)
            take_over(ring, folder)
            forget("ring_recovery", "taking_over", "segments")
            return ring, 1
    from tidenode.segments import Segments

    return Segments(folder=folder, bytes_max=settings.bytes_max), settings.sync_batches
