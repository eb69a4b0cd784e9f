"""What the status page shows of the uplink."""

import time

from tidegate.outbox import Outbox
from tidegate.status_page.snapshot import Snapshot
from tidegate.uplink import Uplink

_NS_PER_MS = 1_000_000


class UplinkView:
    """Looks at an uplink and the outbox that is its own; calls come from one event loop."""

    def __init__(self, title: str, uplink: Uplink, outbox: Outbox) -> None:
        self._title, self._uplink, self._outbox = title, uplink, outbox
        self._started_at_ms = time.time_ns() // _NS_PER_MS

    def __call__(self) -> Snapshot:
        """Return how things are now."""
        producer = self._uplink.producer
        counts: dict[str, int | float] = {"batches_arrived": self._uplink.batches_arrived}
        for name, value in producer.metrics.document().items():
            if isinstance(value, dict):
                counts |= {f"{name}_{part}": round(one, 3) for part, one in value.items()}
            else:
                counts[name] = value
        waiting = {
            f"{name}_batches_under_way": count for name, count in self._uplink.waiting().items()
        }
        return Snapshot(
            title=self._title,
            started_at_ms=self._started_at_ms,
            now_ms=time.time_ns() // _NS_PER_MS,
            fill=self._outbox.pressure.fill,
            queue={"pending_bytes": producer.pending_bytes, **waiting},
            counts=counts,
            trouble=f"records wait: {producer.last_error}" if producer.is_failing else "",
        )
