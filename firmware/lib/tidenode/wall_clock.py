"""Read and set the chip's own clock: the one place that knows epochs.

The board's own epoch is 2000 on ESP32 and 1970 on unix; outside this file an instant is an
integer of milliseconds UTC since 1970.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
