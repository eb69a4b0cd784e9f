"""What the owner of an outbox does for it while it runs, and at its end.

A disk that refuses is told once, and again after it has taken something: the log lies on it, too.
"""

import asyncio
import logging

from tidegate.errors import GateError
from tidegate.outbox import Outbox, OutboxSettings

log = logging.getLogger("tidegate.outbox")

UPKEEP_S = 0.25


async def keep_up(outbox: Outbox) -> None:
    """Maintain the outbox until cancelled."""
    failing = False
    while True:
        await asyncio.sleep(UPKEEP_S)
        failing = not _maintained(outbox, tell=not failing)


def flush(outbox: Outbox) -> None:
    """Make batches of all there is; what the disk does not take stays in the journal."""
    _maintained(outbox, tell=True, everything=True)


def note_settings(outbox: Outbox, settings: OutboxSettings) -> None:
    """Take when batches go, and say so where a changed configuration wants more than that."""
    outbox.adopt(settings)
    if settings != outbox.settings:
        log.warning("the outbox goes on as it is: its settings are those of the next start")


def _maintained(outbox: Outbox, *, tell: bool, everything: bool = False) -> bool:
    try:
        outbox.maintain(flush=everything)
    except (GateError, OSError) as error:
        if tell:
            log.error("outbox can't be written: %s", error)
        return False
    return True
