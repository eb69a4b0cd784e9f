"""See what the store gets, batch by batch, as it gets it.

Flow: ledger -> [arrivals] -> tail | demo
The ledger is followed by the time of storing and not by the time of sampling, so that what a
board sends late, after an outage, is seen as well.
Bounded: keys of the batches of the last `OVERLAP_MS` are remembered.
"""

from collections.abc import Sequence
from typing import Any

from tidectl.instants import iso
from tidectl.ledger import Entry, Ledger
from tidectl.query_api import QueryApi
from tidectl.tables import text

# An entry says when its function began to store; it can be seen up to that function's timeout
# later, behind entries of others.
OVERLAP_MS = 60_000
_RANGES_PER_QUERY = 50  # keeps a statement short


class Arrivals:
    """What the store behind `api` gets from now on, or from `from_ms` (of storing) on."""

    def __init__(self, api: QueryApi, *, thing: str | None = None, from_ms: int | None = None):
        self._api = api
        self._ledger = Ledger(api)
        self._thing = thing
        self._seen: dict[tuple[Any, ...], int] = {}  # key -> stored at
        self._newest_ms = self._ledger.last_stored_at_ms() if from_ms is None else from_ms
        if from_ms is None:
            self.poll()  # what is there now did not arrive

    def poll(self) -> list[Entry]:
        """Return the batches that became visible since the last call."""
        since_ms = self._newest_ms - OVERLAP_MS
        fresh = [
            entry
            for entry in self._ledger.stored_since(since_ms, self._thing)
            if entry.key not in self._seen
        ]
        for entry in fresh:
            self._seen[entry.key] = entry.stored_at_ms
            self._newest_ms = max(self._newest_ms, entry.stored_at_ms)
        horizon_ms = self._newest_ms - 2 * OVERLAP_MS
        for key in [key for key, at_ms in self._seen.items() if at_ms < horizon_ms]:
            del self._seen[key]
        return fresh

    def rows(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """Return the samples of `entries`, all of one measurement, by time."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(entries), _RANGES_PER_QUERY):
            rows += self._rows(entries[start : start + _RANGES_PER_QUERY])
        return sorted(rows, key=lambda row: str(row["time"]))

    def _rows(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        tables = self._api.tables
        ranges = " OR ".join(
            f"(thing = {text(entry.thing)} AND time >= {tables.instant(entry.time)}"
            f" AND time < {tables.instant(iso(entry.last_time_ms + 1))})"
            for entry in entries
        )
        table = tables.samples(entries[0].measurement)
        answer = self._api.ask(f"SELECT * FROM {table} WHERE {ranges} LIMIT {self._api.rows_max}")  # noqa: S608  quoted texts
        return answer.dicts()
