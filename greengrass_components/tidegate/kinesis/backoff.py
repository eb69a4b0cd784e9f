"""How long to wait before trying again: doubling, with full jitter, without an end.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random

DELAY_S_MIN = 0.1
DELAY_S_MAX = 30.0  # an outage of an hour ends within half a minute of the network's return


class Backoff:
    """Waits between the tries of one thing; `reset` after a success."""

    def __init__(
        self, dice: random.Random, *, min_s: float = DELAY_S_MIN, max_s: float = DELAY_S_MAX
    ) -> None:
        self._dice = dice
        self._min_s, self._max_s = min_s, max_s
        self.tries = 0

    def next_s(self) -> float:
        """Return how long to wait after one more failure: anything up to twice the last bound."""
        bound_s = min(self._max_s, self._min_s * 2.0 ** min(self.tries, 30))
        self.tries += 1
        return self._dice.uniform(self._min_s / 2, bound_s)

    def reset(self) -> None:
        """Begin anew."""
        self.tries = 0
