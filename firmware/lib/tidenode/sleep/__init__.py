"""Sample, sleep, and use the radio once for many wakes. Loaded where the configuration says so.

Flow: sensors > [sleep: memory of the RTC] > outbox > uplink, at every n-th wake
A wake reads no file but its modules: what it needs to know of the configuration lies with the
samples. It is asleep again before anything of the agent is loaded.
"""

import sys
import time

from tidenode import log
from tidenode.sleep import memory, wake
from tidenode.wall_clock import WallClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(hardware: "Any") -> None:
    """Spend this start, then sleep. Returns where somebody ends the board instead."""
    rtc = hardware.RTC()
    kept = memory.loaded(bytes(rtc.memory()))
    wall = WallClock(time, hardware)
    cause = hardware.reset_cause()
    if kept is not None and cause in (hardware.DEEPSLEEP_RESET, hardware.WDT_RESET):
        is_due = False
        if cause == hardware.DEEPSLEEP_RESET:
            is_due = _sampled(kept, rtc, hardware, wall)
        else:
            hung = kept.bitten()
            is_due = kept.moving > 0  # which has to end before there are more samples
            if hung >= 0:
                log.warn("measurement=%d hung until the watchdog bit: left out for now" % hung)
        rtc.memory(kept.dumped())
        if not is_due:
            hardware.deepsleep(rest_ms(kept.plan["period_s"] * 1_000, wall.read_ms()))
    for name in ("wake", "drivers"):
        module = sys.modules.pop("tidenode.sleep." + name, None)
        if module:
            module.__dict__.clear()  # TLS needs the heap
    from tidenode.sleep import upload

    upload.run(kept, rtc, hardware, wall)


def _sampled(kept: memory.Memory, rtc: "Any", hardware: "Any", wall: WallClock) -> bool:
    """Sample into `kept`; return whether to upload. What blocks is ended, and noted in `rtc`."""
    watchdog_s = kept.plan.get("watchdog_s", memory.WATCHDOG_S)
    if watchdog_s:
        hardware.WDT(timeout=watchdog_s * 1_000)  # nobody feeds it; a sleep ends it
    is_due = wake.sample(kept, hardware, wall.read_ms, lambda: rtc.memory(kept.dumped()))
    if is_due:
        kept.try_all()
    return is_due


def rest_ms(period_ms: int, now_ms: int) -> int:
    """Return how long to sleep until the next multiple of the period.

    One that is too near to be a sample of its own is left out: the RTC runs fast or slow.
    """
    left_ms = period_ms - now_ms % period_ms
    return left_ms if 2 * left_ms > period_ms else left_ms + period_ms
