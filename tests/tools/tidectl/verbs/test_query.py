"""`tidectl query` answers as a table, as JSON and as CSV, and tells mistakes from absence."""

import csv
import io
from collections.abc import Callable

import pytest

from tests.local_cloud import CloudProcess
from tests.tools.tidectl.conftest import Done
from tests.tools.tidectl.publishing import SAMPLES, Publisher
from tidectl.home import Home
from tidectl.target import Target

SQL = "SELECT time, thing, temperature_c FROM climate WHERE thing = 'questioned' ORDER BY time"


@pytest.fixture(scope="module", autouse=True)
def asked(local_cloud: CloudProcess, deployed: Target) -> None:
    """Store two batches to ask about."""
    publisher = Publisher(deployed, Home(local_cloud.state.parent), "questioned")
    publisher.send(range(2))
    publisher.entries(2)
    publisher.close()


def test_people_get_a_table(tidectl: Callable[..., Done], shared_home: Home) -> None:
    done = tidectl("query", SQL, home=shared_home.path)
    assert done.code == 0
    assert "temperature_c" in done.out
    assert done.out.count("questioned") == 2 * SAMPLES


def test_programs_get_one_object(tidectl: Callable[..., Done], shared_home: Home) -> None:
    document = tidectl("query", "--json", SQL, home=shared_home.path).json()
    assert [column["name"] for column in document["columns"]] == ["time", "thing", "temperature_c"]
    assert [row["temperature_c"] for row in document["rows"]] == [20.5, 21.5, 22.5, 23.5, 24.5] * 2
    assert document["truncated"] is False


def test_spreadsheets_get_csv(tidectl: Callable[..., Done], shared_home: Home) -> None:
    done = tidectl("query", "--csv", SQL, home=shared_home.path)
    header, *rows = csv.reader(io.StringIO(done.out))
    assert header == ["time", "thing", "temperature_c"]
    assert [float(row[2]) for row in rows] == [20.5, 21.5, 22.5, 23.5, 24.5] * 2


def test_the_statement_comes_from_standard_input(
    tidectl: Callable[..., Done], shared_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT COUNT(*) AS n FROM climate"))
    assert tidectl("query", "-", "--json", home=shared_home.path).json()["rows"][0]["n"] > 0


def test_an_answer_that_was_cut_says_so(tidectl: Callable[..., Done], shared_home: Home) -> None:
    done = tidectl("query", "--rows", "3", "--json", SQL, home=shared_home.path)
    assert done.json()["truncated"] is True
    assert len(done.json()["rows"]) == 3
    assert "more than 3 rows" in done.err


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELEC 1", "begins with one of"),
        ("DROP TABLE climate", "begins with one of"),
        ("SELECT nope FROM climate", "nope"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT * FROM never_measured", "not found"),
    ],
)
def test_a_mistake_is_one_clear_line(
    tidectl: Callable[..., Done], shared_home: Home, sql: str, reason: str
) -> None:
    assert reason in tidectl("query", sql, home=shared_home.path).complaint()


def test_csv_and_json_exclude_each_other(tidectl: Callable[..., Done], shared_home: Home) -> None:
    assert tidectl("query", "--csv", "--json", SQL, home=shared_home.path).code == 2


def test_without_a_cloud_the_hint_says_how_to_start_it(tidectl: Callable[..., Done]) -> None:
    done = tidectl("query", "SELECT 1")
    assert "not running" in done.complaint()
    assert "tidectl up" in done.err
