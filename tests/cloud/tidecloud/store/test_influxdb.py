"""What only the engine influxdb does: its requests, its token and the reading of its answers."""

import json
from collections.abc import Callable, Iterator

import pytest
import urllib3

from tests.cloud.tidecloud.store.servers import InfluxServer
from tidecloud import LedgerEntry, QueryError, Rows, StoreBusyError
from tidecloud.store import InfluxDbStore

MakeRows = Callable[..., Rows]
MakeEntry = Callable[..., LedgerEntry]


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    server = InfluxServer()
    with server.running():
        yield server


def store_at(server: InfluxServer, **options: object) -> InfluxDbStore:
    pool = urllib3.PoolManager(retries=False, timeout=5)
    return InfluxDbStore(url=server.url, database="tidegauge", pool=pool, **options)  # type: ignore[arg-type]  # passed on as they came


def test_a_refused_token_is_read_again_before_the_next_try(
    server: InfluxServer, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    server.token = "new"
    tokens = ["old"]
    store = store_at(
        server, token=lambda: tokens[0], forget_token=lambda: tokens.__setitem__(0, "new")
    )
    rows = make_rows()
    with pytest.raises(StoreBusyError, match="401"):
        store.write([rows], [make_entry(rows)])
    assert store.write([rows], [make_entry(rows)]) == []


def test_a_request_too_large_for_the_server_is_halved_until_it_fits(
    make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    server = InfluxServer(bytes_max=2_000)
    with server.running():
        rows = make_rows(fields={"n": list(range(200))})
        assert store_at(server).write([rows], [make_entry(rows)]) == []
    assert len(server.tables["climate"]) == 200


def test_bad_lines_are_found_though_the_server_names_none(
    server: InfluxServer, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    server.names_lines = False
    server.types["climate", "n"] = "int"
    batches = [
        make_rows(thing="good", fields={"n": [1, 2, 3]}),
        make_rows(thing="bad", fields={"n": ["a", "b"]}),
    ]
    (refusal,) = store_at(server).write(batches, [make_entry(rows) for rows in batches])
    assert (refusal.index, refusal.samples) == (1, 2)
    assert len(server.tables["climate"]) == 3


def test_finding_many_bad_lines_takes_few_requests(
    server: InfluxServer, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    server.types["climate", "n"] = "int"
    batches = [make_rows(thing=f"bad-{n}", fields={"n": ["a"] * 60}) for n in range(50)]
    refusals = store_at(server).write(batches, [make_entry(rows) for rows in batches])
    assert len(refusals) == 50
    assert server.requests < 200  # 3,000 bad lines, 100 named at once, and their corrections


def test_a_fault_of_the_server_is_busy_and_says_its_words(
    server: InfluxServer, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    rows = make_rows()
    for status in (403, 404, 429, 500, 503):
        server.faults = [status]
        with pytest.raises(StoreBusyError, match=f"{status}: told to fail"):
            store_at(server).write([rows], [make_entry(rows)])


def test_an_answer_has_typed_columns_and_iso_times(server: InfluxServer) -> None:
    server.answer_lines = [
        '{"time":"2026-11-24T02:00:00.120","thing":"board-1","n":1,"x":1.5,"open":true}',
        '{"time":"2026-11-24T02:00:01","thing":"board-2","late":"a","x":2,"open":false}',
    ]
    answer = store_at(server).query("SELECT * FROM climate", rows_max=10)
    assert [(column.name, column.type) for column in answer.columns] == [
        ("time", "timestamp"),
        ("thing", "string"),
        ("late", "string"),
        ("n", "integer"),
        ("x", "double"),
        ("open", "boolean"),
    ]
    assert answer.rows == [
        ["2026-11-24T02:00:00.12Z", "board-1", None, 1, 1.5, True],
        ["2026-11-24T02:00:01Z", "board-2", "a", None, 2, False],
    ]
    assert not answer.truncated
    assert server.statement == "SELECT * FROM climate\nLIMIT 11"


def test_an_answer_stops_at_the_rows_asked_for(server: InfluxServer) -> None:
    server.answer_lines = [json.dumps({"n": number}) for number in range(11)]
    answer = store_at(server).query("SELECT n FROM climate", rows_max=10)
    assert (len(answer.rows), answer.truncated) == (10, True)
    answer = store_at(server).query("SELECT n FROM climate", rows_max=11)
    assert (len(answer.rows), answer.truncated) == (11, False)


def test_an_answer_stops_at_the_bytes_a_function_may_answer(server: InfluxServer) -> None:
    server.answer_lines = [json.dumps({"text": "x" * 100_000}) for _ in range(100)]
    answer = store_at(server).query("SELECT text FROM notes", rows_max=1000)
    assert answer.truncated
    assert 30 < len(answer.rows) <= 40


def test_an_empty_answer_has_no_rows(server: InfluxServer) -> None:
    server.answer_lines = []
    answer = store_at(server).query("SELECT 1 WHERE false", rows_max=10)
    assert (answer.columns, answer.rows, answer.truncated) == ([], [], False)


def test_a_wrong_statement_is_told_with_the_servers_words(server: InfluxServer) -> None:
    with pytest.raises(QueryError, match="table nowhere not found"):
        store_at(server).query("SELECT * FROM nowhere", rows_max=10)


def test_an_answer_that_is_not_json_lines_is_the_stores_fault(server: InfluxServer) -> None:
    server.answer_lines = ["<html>proxy error</html>"]
    with pytest.raises(StoreBusyError, match="broke off"):
        store_at(server).query("SELECT 1", rows_max=10)
