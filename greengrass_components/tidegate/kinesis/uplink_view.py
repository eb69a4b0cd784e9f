"""What the status page shows of the uplink."""

import time

from tidegate.outbox import Outbox
from tidegate.status_page.snapshot import FieldState, GroupState, Snapshot
from tidegate.uplink import Uplink

_NS_PER_MS = 1_000_000
_RATE_S_MIN = 2.0  # over which what goes a second is taken


class UplinkView:
    """Looks at an uplink and the outbox that is its own; calls come from one event loop."""

    def __init__(self, title: str, uplink: Uplink, outbox: Outbox) -> None:
        self._title, self._uplink, self._outbox = title, uplink, outbox
        self._started_at_ms = time.time_ns() // _NS_PER_MS
        self._rates_at_s = time.monotonic()
        self._sums = self._gone()
        self._rates = (0.0, 0.0, 0.0)

    def __call__(self) -> Snapshot:
        """Return how things are now."""
        self._take_rates()
        producer = self._uplink.producer
        counts: dict[str, int | float] = {
            "batches_arrived": self._uplink.batches_arrived,
            "things_shared": len(self._uplink.owners.shared),
            "damaged_bytes": self._uplink.damaged_bytes(),
        }
        for name, value in producer.metrics.document().items():
            if isinstance(value, dict):
                counts |= {f"{name}_{part}": round(one, 3) for part, one in value.items()}
            else:
                counts[name] = value
        waiting = self._uplink.waiting()
        return Snapshot(
            title=self._title,
            started_at_ms=self._started_at_ms,
            now_ms=time.time_ns() // _NS_PER_MS,
            fill=self._outbox.pressure.fill,
            groups=self._groups(waiting),
            queue={
                "pending_bytes": producer.pending_bytes,
                "batches_under_way": sum(waiting.values()),
                "batches_arrived": self._uplink.batches_arrived,
            },
            counts=counts,
            trouble=self._trouble(),
        )

    def _groups(self, waiting: dict[str, int]) -> list[GroupState]:
        now_ms = time.time_ns() // _NS_PER_MS
        batches_s, records_s, bytes_s = (round(rate, 2) for rate in self._rates)
        pace = (
            FieldState("batches_per_s", batches_s),
            FieldState("records_per_s", records_s),
            FieldState("bytes_per_s", bytes_s, "byte/s"),
            FieldState("pending_bytes", self._uplink.producer.pending_bytes, "byte"),
            FieldState("errors", self._uplink.producer.metrics.all_errors),
        )
        # A component's name without its maker's: what is before the last point.
        outboxes = tuple(
            FieldState(name.rpartition(".")[2], count, "batches") for name, count in waiting.items()
        )
        return [
            GroupState(self._title, "to the stream", now_ms, fields=pace),
            GroupState(self._title, "under way", now_ms, fields=outboxes),
        ]

    def _gone(self) -> tuple[int, int, int]:
        metrics = self._uplink.producer.metrics
        arrived = self._uplink.batches_arrived
        return arrived, metrics.kinesis_records_put, metrics.kinesis_records_data_put

    def _take_rates(self) -> None:
        now_s = time.monotonic()
        passed_s = now_s - self._rates_at_s
        if passed_s < _RATE_S_MIN:
            return
        sums = self._gone()
        batches, records, size = (now - was for now, was in zip(sums, self._sums, strict=True))
        self._rates = (batches / passed_s, records / passed_s, size / passed_s)
        self._rates_at_s, self._sums = now_s, sums

    def _trouble(self) -> str:
        producer, shared = self._uplink.producer, self._uplink.owners.shared
        if producer.is_failing:
            return f"records wait: {producer.last_error}"
        return f"two components have one thing: {', '.join(sorted(shared))}" if shared else ""
