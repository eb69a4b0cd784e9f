"""Read the ledger, the store's own account of the batches it holds.

Flow: store -> query API -> [ledger] -> audit | arrivals
Bounded: an answer has `rows_max` rows of the API, so long answers are read page by page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidectl.errors import TidectlError
from tidectl.query_api import ROWS_MAX, NothingStoredError, QueryApi
from tidectl.tables import text

_COLUMNS = (
    "thing", "measurement", "boot", "sequence", "time", "samples", "samples_empty",
    "values_not_finite", "last_time_ms", "received_at_ms", "stored_at_ms",
)  # fmt: skip

# An answer lacks a column that has no value in any of its rows.
_NO_SEQUENCE: dict[str, Any] = {"boot": None, "sequence": None}
_NO_RANGE: dict[str, Any] = {"first": None, "last": None}


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
        self._known: frozenset[str] = frozenset()

    def totals(self) -> list[Totals]:
        """Return a line per thing, by name."""
        columns = self._columns()
        if not columns:
            return []
        number = f"CAST({'sequence' if 'sequence' in columns else 'NULL'} AS BIGINT)"
        sums = (
            "COUNT(*) AS batches, SUM(samples) AS samples,"
            " SUM(samples_empty) AS samples_empty, SUM(values_not_finite) AS values_not_finite,"
            f" COUNT({number}) AS sequenced, COUNT(DISTINCT {number}) AS sequences,"
            f" MIN({number}) AS first, MAX({number}) AS last"
        )
        rows = by_thing(self._api, self._table, sums)
        return [Totals(**_NO_RANGE | _typed(row, texts=("thing",))) for row in rows]

    def samples(self) -> dict[tuple[str, str], int]:
        """Return how many samples the batches of each (thing, measurement) have in sum."""
        if not self._columns():
            return {}
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
        if not self._columns():
            return 0
        return int(self._api.ask(f"SELECT MAX(stored_at_ms) FROM {self._table}").one())  # noqa: S608  a name of ours

    def _paged(self, column: str, first: int, where: str | None = None) -> Iterator[Entry]:
        """Yield entries whose `column` is `first` or more, each page from behind the one before.

        Many entries may share an instant, so that the order goes on through the key. Only of
        equal times the page's last one comes again, and is passed over.
        """
        columns = self._columns()
        if not columns:
            return
        selected = ", ".join(name for name in _COLUMNS if name in columns)
        order = (column, "thing", "measurement", "time")
        behind = f"{column} >= {first}"
        seen: set[Any] = set()
        while True:
            rows = self._api.ask(
                f"SELECT {selected} FROM {self._table}"  # noqa: S608  names and quoted texts
                f" WHERE ({behind}){f' AND {where}' if where else ''}"
                f" ORDER BY {', '.join(order)} LIMIT {self._api.rows_max}"
            ).dicts()
            page = [_entry(row) for row in rows]
            fresh = [entry for entry in page if entry.key not in seen]
            yield from fresh
            if len(page) < self._api.rows_max or not fresh:
                return
            last = page[-1]
            behind = self._behind(column, last)
            seen = {entry.key for entry in page if entry.time == last.time}

    def _behind(self, column: str, last: Entry) -> str:
        """Return the condition of what stands behind `last`, or beside it at the same time."""
        at, thing, measurement = getattr(last, column), text(last.thing), text(last.measurement)
        return (
            f"{column} > {at} OR ({column} = {at} AND (thing > {thing} OR (thing = {thing} AND"
            f" (measurement > {measurement} OR (measurement = {measurement} AND"
            f" time >= {self._api.tables.instant(last.time)})))))"
        )

    def _columns(self) -> frozenset[str]:
        """Return the ledger's columns, none while it is empty.

        A store makes a column with its first value: before a batch with a sequence came, there
        is neither `boot` nor `sequence`.
        """
        if not self._known.issuperset(_COLUMNS):
            try:
                answer = self._api.ask(f"DESCRIBE {self._table}", rows_max=ROWS_MAX)
            except NothingStoredError:
                return frozenset()
            # InfluxDB's word for it; Timestream's table of columns begins with their names.
            at = answer.columns.index("column_name") if "column_name" in answer.columns else 0
            names = frozenset(row[at] for row in answer.rows)
            self._known = names if "thing" in names else frozenset()  # else: a table without rows
        return self._known


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
                f" GROUP BY thing{keys} ORDER BY thing{keys} LIMIT {api.rows_max}"
            ).dicts()
        except NothingStoredError:
            return
        if len(rows) < api.rows_max:
            yield from rows
            return
        last = rows[-1]["thing"]  # some of its rows may be behind the page
        whole = [row for row in rows if row["thing"] != last]
        if not whole:
            raise TidectlError(f"{last} has more rows than one answer holds", "ask by SQL instead")
        after = whole[-1]["thing"]
        yield from whole


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**_NO_SEQUENCE | _typed(row, texts=("thing", "measurement", "time")))


def _typed(row: dict[str, Any], texts: tuple[str, ...]) -> dict[str, Any]:
    """Return `row` with whole numbers: tags come as text, and some engines' sums as doubles."""
    return {
        name: value if value is None or name in texts else int(value) for name, value in row.items()
    }
