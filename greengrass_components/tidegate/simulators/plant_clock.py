"""Moves the plant with the time of day, and has every server show it.

Flow: time -> [plant clock] -> plant -> servers
Bounded: a machine that falls behind by more than `BEHIND_S_MAX` skips the rest, so that it never
catches up in one long step; what it skipped is counted.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from tidegate.simulators.plant import Plant

BEHIND_S_MAX = 5.0


class Shows(Protocol):
    """A server that shows what the plant measures."""

    async def show(self) -> None:
        """Show it now."""


class PlantClock:
    """Steps `plant` every `tick_ms`, `speed` times as fast as the time of day."""

    def __init__(
        self, plant: Plant, servers: Sequence[Shows], *, tick_ms: int = 250, speed: float = 1.0
    ) -> None:
        self.skipped_s = 0.0
        self._plant, self._servers = plant, tuple(servers)
        self._tick_s, self._speed = tick_ms / 1000, speed

    async def run(self) -> None:
        """Run until cancelled."""
        told_s = due_s = time.monotonic()
        while True:
            due_s += self._tick_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            passed_s = min(now_s - told_s, BEHIND_S_MAX)
            self.skipped_s += now_s - told_s - passed_s
            if now_s - due_s > self._tick_s:
                due_s = now_s
            told_s = now_s
            await self.step(passed_s)

    async def step(self, seconds: float) -> None:
        """Let `seconds` pass, and show the plant as it is then."""
        self._plant.advance(seconds * self._speed)
        for server in self._servers:
            await server.show()
