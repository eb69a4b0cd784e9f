"""Tell of incidents as one batch of the measurement `event`, with the fields `kind` and `text`.

Flow: incident -> [event] -> outbox
Loaded when there is something to tell, and forgotten after it.
"""

import sys

from tidenode import incident
from tidenode.errors import OutboxError
from tidewire.batch import Batch
from tidewire.column import TEXT, Column
from tidewire.encoder import encode
from tidewire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tidenode.clock import Clock
    from tidenode.outbox import Outbox

MEASUREMENT = "event"
_REST_BYTES = 512  # of a batch: names, kinds, and what is around texts


async def tell_when_known(
    known: "asyncio.Event",
    outbox: "Outbox",
    clock: "Clock",
    origin: "tuple[str, str, int]",
    warn: "Callable[[str], None]",
) -> None:
    """Put what is kept into `outbox` as soon as the time is `known`.

    `origin` is site, thing and boot. What can't be told now is kept for the next start.
    """
    await known.wait()
    try:
        incident.settle(outbox.next_sequence)
        tell(outbox, clock.utc_ms(), origin)
    except (MemoryError, OSError, OutboxError, UnicodeError, WireError) as error:
        warn("incidents not told: %r" % error)
    for name in ("event", "incident"):
        sys.modules.pop("tidenode." + name, None)
        sys.modules["tidenode"].__dict__.pop(name, None)
    sys.modules.pop("tidewire.other_kinds", None)  # what texts are encoded with


def tell(
    outbox: "Outbox",
    time_ms: int,
    origin: "tuple[str, str, int]",
    folder: str = incident.FOLDER,
) -> None:
    """Put what is kept in `folder` into `outbox` and forget it. Raises as above."""
    names = incident.kept(folder)
    if not names:
        return
    site, thing, boot = origin
    # All of them are one batch, for which a block of a ring is hardly enough.
    text_bytes_max = min(
        incident.TEXT_BYTES_MAX, (outbox.batch_bytes_max - _REST_BYTES) // len(names)
    )
    columns = [
        Column("kind", TEXT, 0, [name.split(".")[1] for name in names]),
        Column("text", TEXT, 0, [incident.text_of(name, folder, text_bytes_max) for name in names]),
    ]
    sequence = outbox.next_sequence
    batch = Batch(site, thing, MEASUREMENT, boot, sequence, [time_ms] * len(names), columns)
    payload = encode(batch)
    incident.begin_telling(sequence, folder)
    outbox.push(MEASUREMENT, len(names), payload)
    outbox.sync()
    incident.settle(outbox.next_sequence, folder)
