"""Know the time: the one place that knows tick wraps; epochs are known to `wall_clock`.

An instant is an integer of milliseconds UTC since 1970, a duration one of milliseconds.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# No board made of this code saw the time before 2026-01-01: an earlier clock isn't set.
FLOOR_MS = 1_767_225_600_000
LIFE_MS = 946_080_000_000  # nor will one be asked for the time 30 years after its floor
# Until the time is known, samples are so long after this instant of 1987: as wide as a true
# time wherever one is written, and no one's true time, which the cloud would set aside.
UNSET_MS = 1 << 39
# What a correction may take back gradually, at half the speed of time: two minutes of it.
SLEWED_MS_MAX = 60_000
LEAPT_MS_MIN = 1_000  # forwards, where nothing can coincide, only less than this is gradual


class Clock:
    """Monotonic milliseconds since the start, and UTC milliseconds once `trusted`.

    `ticks_ms` and `ticks_diff` are the VM's: ticks wrap (after 12.4 days on ESP32), so
    something must ask for the time more often than every six days. Samplers do. A time before
    `floor_ms`, or LIFE_MS after it, is nobody's.
    """

    def __init__(
        self,
        *,
        ticks_ms: "Callable[[], int]",
        ticks_diff: "Callable[[int, int], int]",
        wall_ms: int,
        floor_ms: int = FLOOR_MS,
    ) -> None:
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last_ticks = ticks_ms()
        self._monotonic_ms = 0
        self._floor_ms = floor_ms
        self.trusted = self.can_be(wall_ms)
        self._start_at_ms = wall_ms if self.trusted else UNSET_MS
        self._owed_ms = 0  # what is still to be corrected,
        self._owed_since_ms = 0  # from this monotonic instant on

    def monotonic_ms(self) -> int:
        """Return the milliseconds since the start; never wraps, never steps."""
        ticks = self._ticks_ms()
        self._monotonic_ms += self._ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        return self._monotonic_ms

    def utc_ms(self) -> int:
        """Return the time, or that since UNSET_MS. It descends only where a step was taken."""
        now_ms = self.monotonic_ms()
        owed_ms = self._owed_ms
        if owed_ms:
            paid_ms = min(abs(owed_ms), now_ms - self._owed_since_ms >> 1)
            if owed_ms < 0:
                paid_ms = -paid_ms
            if paid_ms != owed_ms:
                return self._start_at_ms + now_ms + paid_ms
            self._start_at_ms += owed_ms
            self._owed_ms = 0
        return self._start_at_ms + now_ms

    def set_utc_ms(self, utc_ms: int) -> bool:
        """Take `utc_ms` as the time; return False, and change nothing, for one that can't be.

        Time goes half as fast, or half as fast again, until a small correction is made; it
        steps by what is more than SLEWED_MS_MAX back or LEAPT_MS_MIN ahead.
        """
        if not self.can_be(utc_ms):
            return False
        before_ms = self.utc_ms()
        now_ms = self._monotonic_ms
        owed_ms = utc_ms - before_ms
        if self.trusted and -SLEWED_MS_MAX <= owed_ms < LEAPT_MS_MIN:
            self._start_at_ms = before_ms - now_ms
            self._owed_ms, self._owed_since_ms = owed_ms, now_ms
        else:
            self._start_at_ms = utc_ms - now_ms
            self._owed_ms = 0
        self.trusted = True
        return True

    def can_be(self, utc_ms: int) -> bool:
        """Return whether `utc_ms` may be an instant in the life of this board."""
        return self._floor_ms <= utc_ms < self._floor_ms + LIFE_MS
