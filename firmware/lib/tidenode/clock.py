"""Know the time: the one place that knows tick wraps; epochs are known to `wall_clock`.

An instant is an integer of milliseconds UTC since 1970, a duration one of milliseconds.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# No board made of this code saw the time before 2026-01-01: an earlier clock isn't set.
FLOOR_MS = 1_767_225_600_000
HELD_MS_MAX = 2_000  # a step back up to this long is waited out, so that times don't descend


class Clock:
    """Monotonic milliseconds since the start, and UTC milliseconds once `trusted`.

    `ticks_ms` and `ticks_diff` are the VM's: ticks wrap (after 12.4 days on ESP32), so
    something must ask for the time more often than every six days. Samplers do.
    """

    def __init__(
        self,
        *,
        ticks_ms: "Callable[[], int]",
        ticks_diff: "Callable[[int, int], int]",
        wall_ms: int,
    ) -> None:
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last_ticks = ticks_ms()
        self._monotonic_ms = 0
        self._start_at_ms = wall_ms
        self._latest_ms = 0
        self.trusted = wall_ms >= FLOOR_MS

    def monotonic_ms(self) -> int:
        """Return the milliseconds since the start; never wraps, never steps."""
        ticks = self._ticks_ms()
        self._monotonic_ms += self._ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        return self._monotonic_ms

    def utc_ms(self) -> int:
        """Return the time. It descends only where `set_utc_ms` took more than HELD_MS_MAX."""
        now_ms = self._start_at_ms + self.monotonic_ms()
        self._latest_ms = max(self._latest_ms, now_ms)
        return self._latest_ms

    def set_utc_ms(self, utc_ms: int) -> bool:
        """Take `utc_ms` as the time; return False, and change nothing, for one below the floor."""
        if utc_ms < FLOOR_MS:
            return False
        if self._latest_ms - utc_ms > HELD_MS_MAX:
            self._latest_ms = utc_ms
        self._start_at_ms = utc_ms - self.monotonic_ms()
        self.trusted = True
        return True
