"""Know the time: the one place that knows epochs and tick wraps.

The board's own epoch is 2000 on ESP32 and 1970 on unix; outside this file an instant is an
integer of milliseconds UTC since 1970, and a duration is an integer of milliseconds.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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


class WallClock:
    """The chip's own clock, by the VM's modules `time` and `machine`, in UTC milliseconds."""

    def __init__(self, time: "Any", machine: "Any") -> None:
        self._time = time
        self._machine = machine
        self._epoch_shift_s = 946_684_800 if time.gmtime(0)[0] == 2000 else 0

    def read_ms(self) -> int:
        """Return what the chip believes; near its epoch where it was never set."""
        return int(self._time.time_ns()) // 1_000_000 + self._epoch_shift_s * 1_000

    def set_ms(self, utc_ms: int) -> None:
        """Set it: TLS checks certificates against it."""
        moment = self._time.gmtime(utc_ms // 1_000 - self._epoch_shift_s)
        year, month, day, hour, minute, second, weekday = moment[:7]
        microseconds = utc_ms % 1_000 * 1_000
        self._machine.RTC().datetime(
            (year, month, day, weekday, hour, minute, second, microseconds)
        )
