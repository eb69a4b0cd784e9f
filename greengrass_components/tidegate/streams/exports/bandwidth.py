"""How fast the exports of a gateway may send, all together: its line may be thin or dear."""

import time
from collections.abc import Callable


class Bandwidth:
    """Spreads payloads over time; a `bits_per_s_max` of None is no limit."""

    def __init__(
        self, bits_per_s_max: float | None, ticks_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._bits_per_s_max, self._ticks_s = bits_per_s_max, ticks_s
        self._free_at_s = ticks_s()

    def reserve_s(self, payload_bytes: int) -> float:
        """Take the line for `payload_bytes`; return how long to wait until it is free for them."""
        if self._bits_per_s_max is None:
            return 0.0
        now_s = self._ticks_s()
        begin_s = max(now_s, self._free_at_s)
        self._free_at_s = begin_s + payload_bytes * 8 / self._bits_per_s_max
        return begin_s - now_s
