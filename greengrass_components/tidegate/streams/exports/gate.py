"""Who may send now: a few at once, and those of a higher priority first.

While an export of a higher priority has something to send and is not waiting after a failure,
none below it sends.
"""

import asyncio
from types import TracebackType

SENDING_MAX = 5  # at once, as AWS's thread pool has


class Gate:
    """Shared by all exports of a server; 1 is the highest priority."""

    def __init__(self, sending_max: int = SENDING_MAX) -> None:
        self._free = sending_max
        self._wanting: dict[object, int] = {}
        self._changed = asyncio.Condition()

    def slot(self, who: object, priority: int) -> "_Slot":
        """Wait for a turn: `async with gate.slot(...)`. `who` keeps its claim until `rest`."""
        return _Slot(self, who, priority)

    async def rest(self, who: object) -> None:
        """Say that `who` has nothing to send for now."""
        if self._wanting.pop(who, None) is not None:
            async with self._changed:
                self._changed.notify_all()

    async def enter(self, who: object, priority: int) -> None:
        """Wait for a turn."""
        self._wanting[who] = priority
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._free > 0 and priority <= min(self._wanting.values())
            )
            self._free -= 1

    async def leave(self) -> None:
        """Give the turn back."""
        async with self._changed:
            self._free += 1
            self._changed.notify_all()


class _Slot:
    def __init__(self, gate: Gate, who: object, priority: int) -> None:
        self._gate, self._who, self._priority = gate, who, priority

    async def __aenter__(self) -> None:
        await self._gate.enter(self._who, self._priority)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._gate.leave()
