"""Ask the store, over and over, what has become queryable, and how long that took.

Flow: query API -> [watch] -> demo
A sample counts as queryable when a query has returned it; its latency runs from the sample's
own time until then, so it holds the batch's wait on the board, the stream's window and the
watcher's own poll.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tidectl.arrivals import Arrivals
from tidectl.errors import TidectlError
from tidectl.instants import epoch_ms, now_ms
from tidectl.query_api import QueryApi, StoreUnavailableError

POLL_S = 0.2
LATENCIES_MAX = 1_000_000  # hours of a demo; beyond that the newest are not counted


@dataclass(slots=True)
class Seen:
    """What queries returned so far; `newest` is the last sample of each thing."""

    samples: Counter[str] = field(default_factory=Counter)
    newest: dict[str, dict[str, Any]] = field(default_factory=dict)
    latencies_ms: list[int] = field(default_factory=list)


class Watch:
    """Polls in a thread of its own, from `start` to `stop`, what arrived since it was made.

    Samples taken before `since_ms` are passed over. Things whose names begin with `slow` count
    in `samples` only: a gateway gathers before it sends, and would hide how quick the rest is.
    """

    def __init__(self, api: QueryApi, *, since_ms: int, slow: str = "") -> None:
        self._slow = slow
        self.seen = Seen()
        self.error: TidectlError | None = None
        self._arrivals = Arrivals(api)
        self._since_ms = since_ms
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            ending = False
            while not ending:
                ending = self._stopping.wait(POLL_S)
                try:
                    self._look()
                except StoreUnavailableError:
                    continue  # asked again: what it has is not gone
        except TidectlError as error:
            self.error = error

    def _look(self) -> None:
        fresh = self._arrivals.poll()
        for measurement in sorted({entry.measurement for entry in fresh}):
            rows = self._arrivals.rows(
                [entry for entry in fresh if entry.measurement == measurement]
            )
            seen_ms = now_ms()
            for row in rows:
                sampled_ms = epoch_ms(row["time"])
                if sampled_ms < self._since_ms:
                    continue
                thing = row["thing"]
                self.seen.samples[thing] += 1
                is_slow = bool(self._slow) and thing.startswith(self._slow)
                if not is_slow and len(self.seen.latencies_ms) < LATENCIES_MAX:
                    self.seen.latencies_ms.append(seen_ms - sampled_ms)
                if row["time"] >= self.seen.newest.get(thing, row)["time"]:
                    self.seen.newest[thing] = row


def percentile(values: list[int], percent: float) -> int | None:
    """Return the smallest value that `percent` % of `values` do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # nearest rank: rounded up
    return ordered[max(0, int(rank) - 1)]
