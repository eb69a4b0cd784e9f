"""A clock that goes on when somebody sleeps, and not otherwise: a minute takes no time."""

import asyncio


class VirtualClock:
    """Seconds since the start of a test."""

    def __init__(self, at_s: float = 0.0) -> None:
        self.at_s = at_s
        self.slept_s = 0.0

    def now_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        """Go on by `delay_s`, and let others run."""
        self.at_s += delay_s
        self.slept_s += delay_s
        await asyncio.sleep(0)
