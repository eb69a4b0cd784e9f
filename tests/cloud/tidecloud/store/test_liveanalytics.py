"""What only the engine liveanalytics does: its versions, its pages and its nested types."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.cloud.tidecloud.store.servers import TimestreamServer
from tidecloud import LedgerEntry, QueryError, Rows, StoreBusyError
from tidecloud.store import LiveAnalyticsStore

MakeRows = Callable[..., Rows]
MakeEntry = Callable[..., LedgerEntry]


@pytest.fixture
def server() -> Iterator[TimestreamServer]:
    server = TimestreamServer()
    with server.running():
        yield server


@pytest.fixture
def store(server: TimestreamServer) -> LiveAnalyticsStore:
    options: Any = {
        "endpoint_url": server.url,
        "region_name": "eu-central-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return LiveAnalyticsStore(
        write=boto3.client("timestream-write", **options),
        query=boto3.client("timestream-query", **options),
        database="tidegauge",
    )


def test_a_batch_goes_out_in_calls_of_a_hundred(
    server: TimestreamServer,
    store: LiveAnalyticsStore,
    make_rows: MakeRows,
    make_entry: MakeEntry,
) -> None:
    rows = make_rows(fields={"n": list(range(250))})
    store.write([rows], [make_entry(rows)])
    assert server.requests == 4  # 100, 100, 50 and the ledger
    assert len(server.tables["climate"]) == 250


def test_an_older_message_does_not_undo_a_newer_one(
    server: TimestreamServer,
    store: LiveAnalyticsStore,
    make_rows: MakeRows,
    make_entry: MakeEntry,
) -> None:
    newer, older = make_rows(fields={"n": [2]}), make_rows(fields={"n": [1]})
    server.versions = {}
    store.write([newer], [make_entry(newer)])
    (key,) = [key for key in server.versions if key[0] == "telemetry"]
    server.versions[key] = (server.versions[key][0] + 60_000, server.versions[key][1])
    assert store.write([older], [make_entry(older)]) == []
    assert [row["n"] for row in server.tables["climate"].values()] == [2]


def test_an_empty_text_is_stored_as_a_missing_value(
    server: TimestreamServer,
    store: LiveAnalyticsStore,
    make_rows: MakeRows,
    make_entry: MakeEntry,
) -> None:
    rows = make_rows(fields={"n": [1, 2], "note": ["", "b"]})
    assert store.write([rows], [make_entry(rows)]) == []
    assert [row.get("note") for row in server.tables["climate"].values()] == [None, "b"]


def test_a_query_follows_its_pages_and_gives_types(
    server: TimestreamServer, store: LiveAnalyticsStore
) -> None:
    info = [
        {"Name": "time", "Type": {"ScalarType": "TIMESTAMP"}},
        {"Name": "thing", "Type": {"ScalarType": "VARCHAR"}},
        {"Name": "n", "Type": {"ScalarType": "BIGINT"}},
        {"Name": "x", "Type": {"ScalarType": "DOUBLE"}},
        {"Name": "open", "Type": {"ScalarType": "BOOLEAN"}},
    ]
    scalars = ["2026-11-24 02:00:00.120000000", "board-1", "9007199254740993", "1.5", "true"]
    row = {"Data": [{"ScalarValue": text} for text in scalars]}
    gaps = {"Data": [{"ScalarValue": scalars[0]}, *[{"NullValue": True}] * 4]}
    server.pages = [
        {"QueryId": "q", "Rows": [], "ColumnInfo": info, "NextToken": "1"},
        {"QueryId": "q", "Rows": [row, gaps], "ColumnInfo": info},
    ]
    answer = store.query("SELECT * FROM telemetry", rows_max=10)
    assert [column.type for column in answer.columns] == [
        "timestamp",
        "string",
        "integer",
        "double",
        "boolean",
    ]
    assert answer.rows == [
        ["2026-11-24T02:00:00.12Z", "board-1", 9007199254740993, 1.5, True],
        ["2026-11-24T02:00:00.12Z", None, None, None, None],
    ]
    assert not answer.truncated
    assert store.query("SELECT * FROM telemetry", rows_max=1).truncated


def test_nested_values_become_lists_and_objects(
    server: TimestreamServer, store: LiveAnalyticsStore
) -> None:
    double: dict[str, Any] = {"ScalarType": "DOUBLE"}
    info = [
        {"Name": "series", "Type": {"TimeSeriesMeasureValueColumnInfo": {"Type": double}}},
        {"Name": "list", "Type": {"ArrayColumnInfo": {"Type": double}}},
        {"Name": "row", "Type": {"RowColumnInfo": [{"Name": "a", "Type": double}]}},
    ]
    value = {"ScalarValue": "1.5"}
    point = {"Time": "2026-11-24 02:00:00.000000000", "Value": value}
    data = [
        {"TimeSeriesValue": [point]},
        {"ArrayValue": [value, {"NullValue": True}]},
        {"RowValue": {"Data": [value]}},
    ]
    server.pages = [{"QueryId": "q", "Rows": [{"Data": data}], "ColumnInfo": info}]
    answer = store.query("SELECT 1", rows_max=10)
    assert {column.type for column in answer.columns} == {"nested"}
    assert answer.rows == [
        [[{"time": "2026-11-24T02:00:00Z", "value": 1.5}], [1.5, None], {"a": 1.5}]
    ]


def test_a_wrong_statement_is_told_and_a_throttled_one_is_busy(
    server: TimestreamServer, store: LiveAnalyticsStore
) -> None:
    server.validation = "line 1:15: Table does not exist"
    with pytest.raises(QueryError, match="Table does not exist"):
        store.query("SELECT * FROM nowhere", rows_max=10)
    server.faults = [429]
    with pytest.raises(StoreBusyError, match="Throttling"):
        store.query("SELECT 1", rows_max=10)
