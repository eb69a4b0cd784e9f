"""Which things report: what the store has of each thing and measurement since an instant.

Flow: ledger, tables of measurements -> query API -> [reports]
Bounded: the query API's rows in one answer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from tidectl.errors import TidectlError
from tidectl.query_api import NothingStoredError, QueryApi
from tidectl.tables import text

MEASUREMENTS_PER_QUESTION = 100  # the query API takes 64 KB of SQL

_Sites = dict[tuple[str, str], list[str]]  # by thing and measurement


@dataclass(frozen=True, slots=True)
class Report:
    """What the store has of one measurement of one thing."""

    thing: str
    measurement: str
    sites: tuple[str, ...]
    batches: int
    samples: int
    last_sample_at_ms: int


def reports(api: QueryApi, since_ms: int) -> list[Report]:
    """Return the reports of batches that began since then, by thing and measurement.

    Raises `TidectlError`.
    """
    moment = datetime.fromtimestamp(since_ms / 1000, UTC)
    since = api.tables.instant(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    question = (
        "SELECT thing, measurement, COUNT(*) AS batches, SUM(samples) AS samples,"  # noqa: S608  names of ours
        f" MAX(last_time_ms) AS last_time_ms FROM {api.tables.ledger} WHERE time >= {since}"
        " GROUP BY thing, measurement ORDER BY thing, measurement"
    )
    try:
        answer = api.ask(question)
    except TidectlError:
        if _is_empty(api):
            return []
        answer = api.ask(question)  # the first batch may have come in between
    rows = answer.dicts()
    sites = _sites(api, since, {row["measurement"] for row in rows})
    return [
        Report(
            thing=row["thing"],
            measurement=row["measurement"],
            sites=tuple(sorted(sites.get((row["thing"], row["measurement"]), ()))),
            batches=int(row["batches"]),
            samples=int(row["samples"]),
            last_sample_at_ms=int(row["last_time_ms"]),
        )
        for row in rows
    ]


def _is_empty(api: QueryApi) -> bool:
    """Return whether nothing was ever stored: a table may be absent, or be without columns."""
    try:
        return bool(api.ask(f"SELECT COUNT(*) FROM {api.tables.ledger}").one() == 0)  # noqa: S608  a name of ours
    except NothingStoredError:
        return True


def _sites(api: QueryApi, since: str, measurements: Collection[str]) -> _Sites:
    sites: _Sites = {}
    names = sorted(measurements)
    for start in range(0, len(names), MEASUREMENTS_PER_QUESTION):
        answer = api.ask(
            " UNION ALL ".join(
                f"SELECT DISTINCT {text(name)} AS measurement, thing, site"  # noqa: S608  names of ours
                f" FROM {api.tables.samples(name)} WHERE time >= {since}"
                for name in names[start : start + MEASUREMENTS_PER_QUESTION]
            )
        )
        for measurement, thing, site in answer.rows:
            sites.setdefault((thing, measurement), []).append(site)
    return sites
