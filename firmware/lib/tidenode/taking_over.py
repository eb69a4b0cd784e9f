"""Move what is queued in files into a ring, on a board that has got a partition for one.

Only a start needs it. A cut in between is taken up at the next start: the ring's sequence says
how far it came, and the files go when all is moved.
"""

import os

from tidenode.errors import OutboxError
from tidenode.record import DAMAGED
from tidenode.ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SEGMENT_DOTS = 3


def ring_of(partition: "Any", folder: str) -> Ring:
    """Return the ring on `partition`, with all that was queued in `folder`."""
    ring = Ring(partition)
    take_over(ring, folder)
    return ring


def take_over(ring: Ring, folder: str) -> None:
    """Make `ring` go on where the segments in `folder` end, with all that they hold."""
    is_fresh = ring.next_sequence == 0
    if not is_fresh and not [one for one in os.listdir(folder) if one.count(".") == _SEGMENT_DOTS]:
        return
    from tidenode.recovery import recover
    from tidenode.segments import Segments

    old = Segments(folder=folder, found=recover(folder), bytes_max=1 << 30)
    if is_fresh:
        ring.next_sequence = ring.cursor = old.following(0)
        ring.dropped = old.dropped

    def unsent(begin: int, end: int) -> int:
        entries = [ring.locate(sequence) for sequence in range(begin, end)]
        return sum([entry.samples for entry in entries if entry and entry.size_bytes])

    while ring.next_sequence < old.next_sequence:
        entry = old.locate(ring.next_sequence)
        if entry is None or entry.sequence > ring.next_sequence:
            ring.lose(0, unsent)  # a hole, counted long ago
            continue
        payload = bytearray(max(entry.size_bytes, 0))
        fits = entry.size_bytes <= ring.batch_bytes_max
        if entry.size_bytes != DAMAGED and fits and old.read(entry, payload):
            try:
                ring.write([(entry.measurement, entry.samples, bytes(payload))], unsent)
            except OutboxError:
                pass  # a flash that fails: counted, and no reason not to start
        else:
            ring.lose(entry.samples, unsent)
    old.release(old.next_sequence)
