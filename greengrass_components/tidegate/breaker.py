"""A circuit breaker: what does not answer is asked rarely, and one answer brings it back.

Pure: instants in, decisions out. After each failure the wait doubles, from `min_s` to `max_s`,
spread downwards by up to a half, so that many gateways don't ask in step.
"""

import random

MIN_S = 1.0
MAX_S = 60.0


class Breaker:
    """Of one unit, or of one connection; `failures` are those since the last answer."""

    def __init__(self, dice: random.Random, *, min_s: float = MIN_S, max_s: float = MAX_S) -> None:
        self._dice, self._min_s, self._max_s = dice, min_s, max_s
        self.failures = 0
        self.retry_at_s = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether it is asked rarely."""
        return self.failures > 0

    def may_try(self, now_s: float) -> bool:
        """Whether it may be asked now."""
        return now_s >= self.retry_at_s

    def fail(self, now_s: float) -> bool:
        """Note that it did not answer; returns whether it has answered before that."""
        wait_s = min(self._max_s, self._min_s * 2.0 ** min(self.failures, 30))
        self.retry_at_s = now_s + wait_s * self._dice.uniform(0.5, 1.0)
        self.failures += 1
        return self.failures == 1

    def succeed(self) -> bool:
        """Note an answer; returns whether there was none before it."""
        was_open = self.is_open
        self.failures, self.retry_at_s = 0, float("-inf")
        return was_open
