"""What the status page shows of an adapter component."""

import time
from collections.abc import Sequence

from tidegate.bus_listener import AnyBus
from tidegate.group import Group
from tidegate.intake import Intake
from tidegate.outbox import Outbox
from tidegate.pressure import Pressure
from tidegate.sample import Sample
from tidegate.status_page.snapshot import BusState, FieldState, GroupState, Snapshot

_NS_PER_MS = 1_000_000
_RATE_S_MIN = 2.0  # over which busy time and values a second are taken


class ComponentView:
    """Looks at the parts of a component; calls come from one event loop."""

    def __init__(self, title: str, intake: Intake, outbox: Outbox, buses: Sequence[AnyBus]) -> None:
        self._title, self._intake, self._outbox, self._buses = title, intake, outbox, buses
        self._started_at_ms = time.time_ns() // _NS_PER_MS
        self._rates_at_s = time.monotonic()
        self._busy_s = {bus.name: 0.0 for bus in buses}
        self._values = 0
        self._busy_percent = {bus.name: 0.0 for bus in buses}
        self._values_s = 0.0

    def __call__(self) -> Snapshot:
        """Return how things are now."""
        self._take_rates()
        intake, outbox = self._intake, self._outbox
        log = outbox.batches.log
        sinks = {f"waiting_{sink}_batches": outbox.batches.waiting(sink) for sink in log.cursors}
        dropped = outbox.dropped
        return Snapshot(
            title=self._title,
            started_at_ms=self._started_at_ms,
            now_ms=time.time_ns() // _NS_PER_MS,
            fill=outbox.pressure.fill,
            groups=[
                _group(group, intake.latest.get(group))
                for bus in self._buses
                for group in bus.groups
            ],
            buses=[self._bus(bus) for bus in self._buses],
            alarms=[
                {"alarm": alarm.rule.name, "state": alarm.state.value,
                 "severity": alarm.rule.severity, "thing": group.thing}
                for group, alarms in intake.alarms.items()
                for alarm in alarms.active()
            ],
            queue={
                "gathered_samples": outbox.gathered_samples,
                "outbox_bytes": outbox.size_bytes,
                **sinks,
            },
            counts={
                "values_per_s": round(self._values_s, 1),
                "samples": intake.samples,
                "values": intake.values,
                "values_let_go": intake.let_go,
                "samples_refused": intake.refused,
                **{f"dropped_{name}": count for name, count in dropped.items()},
            },
            trouble=_trouble(outbox.pressure),
        )  # fmt: skip

    def _take_rates(self) -> None:
        now_s = time.monotonic()
        passed_s = now_s - self._rates_at_s
        if passed_s < _RATE_S_MIN:
            return
        self._rates_at_s = now_s
        for bus in self._buses:
            busy_s = bus.counts.busy_s
            self._busy_percent[bus.name] = 100 * (busy_s - self._busy_s[bus.name]) / passed_s
            self._busy_s[bus.name] = busy_s
        self._values_s = (self._intake.values - self._values) / passed_s
        self._values = self._intake.values

    def _bus(self, bus: AnyBus) -> BusState:
        counts = bus.counts
        return BusState(
            bus.name,
            bus.is_up,
            round(self._busy_percent[bus.name], 1),
            counts.polls,
            counts.failures,
            counts.overruns,
            tuple(sorted(bus.silent_units)),
        )


def _trouble(pressure: Pressure) -> str:
    if pressure.is_refusing:
        return "polling is slowed down: the disk takes no samples"
    return "polling is slowed down: the outbox is filling" if pressure.is_high else ""


def _group(group: Group, sample: Sample | None) -> GroupState:
    values = sample.values if sample else (None,) * len(group.tags)
    qualities = (sample.qualities if sample else None) or bytes(len(group.tags))
    return GroupState(
        group.thing,
        group.measurement,
        sample.at_ns // _NS_PER_MS if sample else 0,
        group.period_ms,
        tuple(
            FieldState(tag.field, value, tag.unit, quality)
            for tag, value, quality in zip(group.tags, values, qualities, strict=True)
        ),
    )
