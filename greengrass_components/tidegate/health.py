"""What a component tells of itself: a measurement of the gateway, once a minute.

The counts rise from the start of the component; `connects` and the adapter's own are among them.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidegate.adapter import Adapter
from tidegate.bus_listener import AnyBus
from tidegate.intake import Intake
from tidegate.outbox import Outbox
from tidegate.sample import Value


class Health:
    """Gathers the facts of one component; `clock_s` never goes back."""

    def __init__(
        self,
        *,
        intake: Intake,
        outbox: Outbox,
        buses: Sequence[AnyBus],
        clock_s: Callable[[], float],
    ) -> None:
        self._intake, self._outbox, self._buses = intake, outbox, tuple(buses)
        self._clock_s = clock_s
        self._told_s = self._began_s = clock_s()
        self._cpu_s = self._busy_s = 0.0
        self._values = 0
        self.facts()

    def facts(self) -> dict[str, Value]:
        """Return the facts now; rates are since the last call."""
        now_s = self._clock_s()
        passed_s = max(1e-9, now_s - self._told_s)
        cpu_s = time.process_time()
        counts = [bus.counts for bus in self._buses]
        busy_s = sum(one.busy_s for one in counts)
        found: dict[str, Value] = {
            "uptime_s": int(now_s - self._began_s),
            "samples": self._intake.samples,
            "values": self._intake.values,
            "values_s": round((self._intake.values - self._values) / passed_s, 1),
            "values_let_go": self._intake.let_go,
            "samples_refused": self._intake.refused,
            "polls": sum(one.polls for one in counts),
            "failures": sum(one.failures for one in counts),
            "overruns": sum(one.overruns for one in counts),
            "connects": sum(one.connects for one in counts),
            "buses_down": sum(not bus.is_up for bus in self._buses),
            "units_silent": sum(len(bus.silent_units) for bus in self._buses),
            "bus_busy_percent": self._percent(busy_s - self._busy_s, passed_s, len(counts)),
            "outbox_bytes": self._outbox.size_bytes,
            "outbox_fill_percent": round(100 * self._outbox.pressure.fill, 1),
            "samples_dropped": _dropped_samples(self._outbox.dropped),
            "cpu_percent": self._percent(cpu_s - self._cpu_s, passed_s, 1),
            "rss_bytes": _rss_bytes(),
        }
        for bus in self._buses:
            for name, count in health_of(bus.adapter).items():
                before = found.get(name, 0)
                found[name] = count + before if isinstance(before, int | float) else count
        self._told_s, self._cpu_s, self._busy_s = now_s, cpu_s, busy_s
        self._values = self._intake.values
        return found

    @staticmethod
    def _percent(part_s: float, passed_s: float, among: int) -> float:
        return round(100 * part_s / passed_s / max(1, among), 1)


def health_of(adapter: Adapter) -> Mapping[str, int | float]:
    """Return an adapter's own counts: those of its method `health`, if it has one."""
    tell = getattr(adapter, "health", None)
    counts: Mapping[str, int | float] = tell() if callable(tell) else {}
    return counts


def _rss_bytes() -> int:
    """Return the memory in use; 0 where the kernel has no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _dropped_samples(dropped: Mapping[str, int]) -> int:
    return sum(count for name, count in dropped.items() if name.startswith("samples"))
