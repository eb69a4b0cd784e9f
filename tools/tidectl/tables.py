"""How the store's tables are called, and instants written, in the SQL of each engine.

`influxdb`: a table per measurement. `liveanalytics`: one table of multi-measure records whose
`measure_name` is the measurement, qualified by its database. See ARCHITECTURE.md, Store.
"""

from dataclasses import dataclass

from tidecloud.ledger import LEDGER_TABLE
from tidecloud.store import liveanalytics
from tidewire.names import check_measurement

LIVEANALYTICS = "liveanalytics"


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one store."""

    engine: str
    database: str

    @property
    def ledger(self) -> str:
        """What to select ledger entries from."""
        return self._table(liveanalytics.LEDGER_TABLE) if self._is_live else LEDGER_TABLE

    def samples(self, measurement: str) -> str:
        """Return what to select the samples of `measurement` from; raises `WireError`."""
        check_measurement(measurement)  # a name, and so nothing that could end the statement
        if not self._is_live:
            return f'"{measurement}"'
        table = self._table(liveanalytics.TELEMETRY_TABLE)
        return f"(SELECT * FROM {table} WHERE measure_name = '{measurement}')"  # noqa: S608  a checked name

    def instant(self, iso: str) -> str:
        """Return the literal of an instant, `iso` being ISO 8601 text in UTC."""
        return f"from_iso8601_timestamp({text(iso)})" if self._is_live else text(iso)

    @property
    def _is_live(self) -> bool:
        return self.engine == LIVEANALYTICS

    def _table(self, name: str) -> str:
        return f'"{self.database}"."{name}"'


def text(value: str) -> str:
    """Return the literal of a text."""
    return "'" + value.replace("'", "''") + "'"
