"""Tell the host how the board does, and stop the board when the host says so.

One JSON line a second on stdout, as ARCHITECTURE.md has it under Board. The board stops when
its stdin is readable: that is, too, when the host has gone and left it alone.
"""

import asyncio
import json
import sys
from asyncio import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PERIOD_MS = 1_000
_AGENT_CHECK_MS = 5


def agent() -> "Any":
    """Return the agent, once it runs."""
    for name in ("sleep.upload", "resident", "agent"):
        module = sys.modules.get("tidenode." + name)
        if module:
            return module.running
    return None


def report(**more: object) -> None:
    """Print the line of now."""
    stats = agent().stats()
    stats.update(more)
    print(json.dumps(stats))


def report_sleep(duration_ms: int) -> None:
    """Print where the board is, if it is more than a sensor, and how long it is to sleep."""
    if agent() is not None:
        report()
    print('{"asleep_ms": %d}' % duration_ms)


async def report_for_ever() -> None:
    """Print a line each second."""
    while agent() is None:
        await asyncio.sleep_ms(_AGENT_CHECK_MS)
    while True:
        report()
        await asyncio.sleep_ms(_PERIOD_MS)


async def stop_when_told(drain_timeout_ms: int) -> None:
    """Stop the agent when stdin is readable or at its end."""
    await _until_readable(sys.stdin)
    if "tidenode.portal" in sys.modules:  # it waits for a person, for ever
        sys.exit(0)
    while agent() is None:
        if "tidenode.claim" in sys.modules:  # it would ask for ever; all it has is on flash
            print(json.dumps(_unclaimed()))
            sys.exit(0)
        await asyncio.sleep_ms(_AGENT_CHECK_MS)
    agent().stop(drain_timeout_ms)


def _unclaimed() -> "dict[str, object]":
    """Return the last line of a board that is no thing yet."""
    counts = ("boot", "sampled", "accepted", "acknowledged", "dropped", "queued_batches")
    line: dict[str, object] = dict.fromkeys(counts, 0)
    line.update(thing="(no thing yet)", connects=0, connected=False, final=True)
    return line


def _until_readable(stream: "Any") -> "Iterator[None]":
    yield core._io_queue.queue_read(stream)
