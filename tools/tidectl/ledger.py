"""Read the ledger, the store's own account of the batches it holds.

Flow: store -> query API -> [ledger] -> audit | arrivals
Bounded: an answer has `ROWS_MAX` rows, so long answers are read page by page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidectl.query_api import ROWS_MAX, NothingStoredError, QueryApi
from tidectl.tables import text

_COLUMNS = (
    "thing", "measurement", "boot", "sequence", "time", "samples", "samples_empty",
    "values_not_finite", "last_time_ms", "received_at_ms", "stored_at_ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored batch; `time` is its first sample's, ISO 8601 in UTC.

    A foreign payload has neither `boot` nor `sequence`.
    """

    thing: str
    measurement: str
    boot: int | None
    sequence: int | None
    time: str
    samples: int
    samples_empty: int
    values_not_finite: int
    last_time_ms: int
    received_at_ms: int
    stored_at_ms: int

    @property
    def key(self) -> tuple[str, str, int | None, int | None, str]:
        """What tells it from every other entry; a redelivery has the same."""
        return self.thing, self.measurement, self.boot, self.sequence, self.time


@dataclass(frozen=True, slots=True)
class Totals:
    """What the ledger says of one thing in sum."""

    thing: str
    batches: int
    samples: int
    samples_empty: int
    values_not_finite: int
    sequenced: int  # batches with a sequence number
    sequences: int  # different numbers among them
    first: int | None
    last: int | None

    @property
    def tiles(self) -> bool:
        """Whether its batches carry each number from 0 to the last exactly once."""
        if self.first is None or self.last is None:
            return True
        return self.first == 0 and self.sequenced == self.sequences == self.last + 1


class Ledger:
    """The ledger behind `api`. Before the first batch was stored it is empty, not an error."""

    def __init__(self, api: QueryApi) -> None:
        self._api = api
        self._table = api.tables.ledger

    def totals(self) -> list[Totals]:
        """Return a line per thing, by name."""
        number = "CAST(sequence AS BIGINT)"
        sums = (
            "COUNT(*) AS batches, SUM(samples) AS samples,"
            " SUM(samples_empty) AS samples_empty, SUM(values_not_finite) AS values_not_finite,"
            f" COUNT({number}) AS sequenced, COUNT(DISTINCT {number}) AS sequences,"
            f" MIN({number}) AS first, MAX({number}) AS last"
        )
        rows = by_thing(self._api, self._table, sums)
        return [Totals(row.pop("thing"), **_integers(row)) for row in rows]

    def samples(self) -> dict[tuple[str, str], int]:
        """Return how many samples the batches of each (thing, measurement) have in sum."""
        rows = by_thing(self._api, self._table, "SUM(samples) AS samples", ", measurement")
        return {(row["thing"], row["measurement"]): int(row["samples"]) for row in rows}

    def of_thing(self, thing: str) -> Iterator[Entry]:
        """Yield the entries of `thing` as they were received."""
        return self._paged("received_at_ms", 0, f"thing = {text(thing)}")

    def stored_since(self, stored_at_ms: int, thing: str | None = None) -> Iterator[Entry]:
        """Yield the entries stored at that instant or later, by it."""
        return self._paged("stored_at_ms", stored_at_ms, thing and f"thing = {text(thing)}")

    def received_since(self, received_at_ms: int) -> Iterator[Entry]:
        """Yield the entries received at that instant or later, by it."""
        return self._paged("received_at_ms", received_at_ms)

    def last_stored_at_ms(self) -> int:
        """Return when the newest entry was stored, 0 for an empty ledger."""
        rows = self._ask(f"SELECT MAX(stored_at_ms) AS last FROM {self._table}")  # noqa: S608  a name of ours
        return int(rows[0]["last"] or 0) if rows else 0

    def _paged(self, column: str, first: int, where: str | None = None) -> Iterator[Entry]:
        """Yield entries whose `column` is `first` or more; each page begins at the last value."""
        seen: set[Any] = set()  # of the value that the page begins with
        while True:
            condition = f"{column} >= {first}" + (f" AND {where}" if where else "")
            rows = self._ask(
                f"SELECT {', '.join(_COLUMNS)} FROM {self._table} WHERE {condition}"  # noqa: S608  names and numbers of ours
                f" ORDER BY {column} LIMIT {ROWS_MAX}"
            )
            page = [_entry(row) for row in rows]
            yield from (entry for entry in page if entry.key not in seen)
            if len(page) < ROWS_MAX or getattr(page[-1], column) == first:
                return
            first = getattr(page[-1], column)
            seen = {entry.key for entry in page if getattr(entry, column) == first}

    def _ask(self, sql: str) -> list[dict[str, Any]]:
        try:
            return self._api.ask(sql).dicts()
        except NothingStoredError:
            return []


def by_thing(
    api: QueryApi, table: str, sums: str, keys: str = "", where: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield `sums` of a table for each thing, page by page; none where there is no table.

    `keys` (`, column`) are grouped by as well, `where` (` AND condition`) narrows it down.
    """
    after = ""
    while True:
        try:
            rows = api.ask(
                f"SELECT thing{keys}, {sums} FROM {table} WHERE thing > {text(after)}{where}"  # noqa: S608  quoted texts, names of ours
                f" GROUP BY thing{keys} ORDER BY thing{keys} LIMIT {ROWS_MAX}"
            ).dicts()
        except NothingStoredError:
            return
        if len(rows) < ROWS_MAX:
            yield from rows
            return
        last = rows[-1]["thing"]  # some of its rows may be behind the page
        yield from (row for row in rows if row["thing"] != last)
        after = max(row["thing"] for row in rows if row["thing"] != last)


def _entry(row: dict[str, Any]) -> Entry:
    names = {key: row.pop(key) for key in ("thing", "measurement", "time")}
    return Entry(**names, **_integers(row))


def _integers(row: dict[str, Any]) -> dict[str, Any]:
    """Tags are text and sums may be doubles: all of them are whole numbers."""
    return {key: None if value is None else int(value) for key, value in row.items()}
