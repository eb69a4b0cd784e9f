"""Each engine is asked in its own words, and no name can end a statement."""

import pytest

from tidecloud.ledger import LEDGER_TABLE
from tidectl.tables import Tables, text
from tidewire.errors import WireError

INFLUX = Tables("influxdb", "tidegauge")
LIVE = Tables("liveanalytics", "plant")


def test_influxdb_has_a_table_per_measurement() -> None:
    assert INFLUX.samples("climate") == '"climate"'
    assert INFLUX.ledger == LEDGER_TABLE
    assert INFLUX.instant("2026-01-01T00:00:00Z") == "'2026-01-01T00:00:00Z'"


def test_liveanalytics_has_one_table_for_all_measurements() -> None:
    assert LIVE.samples("climate") == (
        '(SELECT * FROM "plant"."telemetry" WHERE measure_name = \'climate\')'
    )
    assert LIVE.ledger == '"plant"."ledger"'
    assert LIVE.instant("2026-01-01T00:00:00Z") == "from_iso8601_timestamp('2026-01-01T00:00:00Z')"


@pytest.mark.parametrize("name", ['climate" OR 1=1 --', "Climate", "tidegauge_ledger", ""])
def test_what_is_no_measurement_is_refused(name: str) -> None:
    with pytest.raises(WireError):
        INFLUX.samples(name)


def test_a_quote_in_a_text_stays_text() -> None:
    assert text("o'clock") == "'o''clock'"
