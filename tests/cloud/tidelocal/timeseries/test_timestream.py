"""The Timestream API as boto3 speaks it, against a real server."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_timestream_query import TimestreamQueryClient
    from mypy_boto3_timestream_write import TimestreamWriteClient

NOW_MS = 1_790_000_000_000


def _client(name: str, url: str) -> Any:
    return boto3.client(  # type: ignore[call-overload] # the name is a variable
        name,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def write(timestream_url: str) -> "TimestreamWriteClient":
    client: TimestreamWriteClient = _client("timestream-write", timestream_url)
    client.create_database(DatabaseName="plant")
    client.create_table(DatabaseName="plant", TableName="telemetry")
    return client


@pytest.fixture
def query(timestream_url: str) -> "TimestreamQueryClient":
    client: TimestreamQueryClient = _client("timestream-query", timestream_url)
    return client


def _record(value: str = "21.5", at_ms: int = NOW_MS, **more: Any) -> dict[str, Any]:
    return {
        "Dimensions": [{"Name": "thing", "Value": "t1"}],
        "MeasureName": "temperature",
        "MeasureValue": value,
        "Time": str(at_ms),
        **more,
    }


def _put(client: "TimestreamWriteClient", *records: dict[str, Any], **common: Any) -> Any:
    return client.write_records(
        DatabaseName="plant",
        TableName="telemetry",
        Records=list(records),  # type: ignore[arg-type] # plain dicts
        CommonAttributes=common,  # type: ignore[arg-type] # plain dicts
    )


def _cells(page: Any) -> list[list[Any]]:
    return [[datum.get("ScalarValue") for datum in row["Data"]] for row in page["Rows"]]


def _refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_databases_and_tables_are_made_listed_changed_and_deleted(
    write: "TimestreamWriteClient",
) -> None:
    write.create_table(
        DatabaseName="plant",
        TableName="other",
        RetentionProperties={
            "MemoryStoreRetentionPeriodInHours": 24,
            "MagneticStoreRetentionPeriodInDays": 7,
        },
    )
    assert [d["DatabaseName"] for d in write.list_databases()["Databases"]] == ["plant"]
    first = write.list_tables(DatabaseName="plant", MaxResults=1)
    assert [t["TableName"] for t in first["Tables"]] == ["other"]
    rest = write.list_tables(DatabaseName="plant", NextToken=first["NextToken"])
    assert [t["TableName"] for t in rest["Tables"]] == ["telemetry"]
    write.update_table(
        DatabaseName="plant",
        TableName="other",
        MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
    )
    table = write.describe_table(DatabaseName="plant", TableName="other")["Table"]
    assert table["RetentionProperties"]["MemoryStoreRetentionPeriodInHours"] == 24
    assert table["MagneticStoreWriteProperties"]["EnableMagneticStoreWrites"] is True
    assert table["CreationTime"].timestamp() == NOW_MS / 1000
    with pytest.raises(ClientError) as full:
        write.delete_database(DatabaseName="plant")
    assert _refusal(full) == ("ValidationException", 400)
    for name in ("other", "telemetry"):
        write.delete_table(DatabaseName="plant", TableName=name)
    write.delete_database(DatabaseName="plant")
    with pytest.raises(write.exceptions.ResourceNotFoundException):
        write.describe_database(DatabaseName="plant")


def test_making_what_exists_is_a_conflict(write: "TimestreamWriteClient") -> None:
    with pytest.raises(write.exceptions.ConflictException):
        write.create_database(DatabaseName="plant")
    with pytest.raises(write.exceptions.ConflictException):
        write.create_table(DatabaseName="plant", TableName="telemetry")


def test_single_measures_come_back_in_columns_of_their_type(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    answer = _put(
        write,
        _record(),
        _record("7", MeasureName="count", MeasureValueType="BIGINT"),
        _record("true", MeasureName="open", MeasureValueType="BOOLEAN"),
        _record("ok", MeasureName="state", MeasureValueType="VARCHAR"),
    )
    assert answer["RecordsIngested"] == {"Total": 4, "MemoryStore": 4, "MagneticStore": 0}
    page = query.query(
        QueryString="SELECT thing, measure_name, time, measure_value::double, "
        "measure_value::bigint, measure_value::boolean, measure_value::varchar "
        'FROM "plant"."telemetry" ORDER BY measure_name'
    )
    assert _cells(page) == [
        ["t1", "count", "2026-09-21 14:13:20.000000000", None, "7", None, None],
        ["t1", "open", "2026-09-21 14:13:20.000000000", None, None, "true", None],
        ["t1", "state", "2026-09-21 14:13:20.000000000", None, None, None, "ok"],
        ["t1", "temperature", "2026-09-21 14:13:20.000000000", "21.5", None, None, None],
    ]
    assert [column["Type"]["ScalarType"] for column in page["ColumnInfo"]] == [
        *("VARCHAR", "VARCHAR", "TIMESTAMP", "DOUBLE", "BIGINT", "BOOLEAN", "VARCHAR")
    ]
    assert page["ColumnInfo"][3]["Name"] == "measure_value::double"


def _multi(at_ms: int, temperature: str, **more: Any) -> dict[str, Any]:
    values = [
        {"Name": "temperature_c", "Value": temperature, "Type": "DOUBLE"},
        {"Name": "count", "Value": "3", "Type": "BIGINT"},
    ]
    return {"MeasureName": "climate", "MeasureValueType": "MULTI", "MeasureValues": values,
            "Time": str(at_ms), **more}  # fmt: skip


def test_common_attributes_merge_into_multi_measure_records(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(
        write,
        {**_multi(0, "20.5"), "Time": str(NOW_MS * 10**6 - 1), "TimeUnit": "NANOSECONDS"},
        _multi(NOW_MS, "21.5", Dimensions=[{"Name": "room", "Value": "r"}]),
        Dimensions=[{"Name": "thing", "Value": "t1"}],
    )
    page = query.query(QueryString="SELECT * FROM plant.telemetry ORDER BY time")
    assert [column["Name"] for column in page["ColumnInfo"]] == [
        *("thing", "room", "measure_name", "time", "temperature_c", "count")
    ]
    assert _cells(page) == [
        ["t1", None, "climate", "2026-09-21 14:13:19.999999999", "20.5", "3"],
        ["t1", "r", "climate", "2026-09-21 14:13:20.000000000", "21.5", "3"],
    ]


def test_a_dimension_in_the_record_and_in_common_is_refused(
    write: "TimestreamWriteClient",
) -> None:
    with pytest.raises(write.exceptions.ValidationException, match="thing"):
        _put(write, _record(), Dimensions=[{"Name": "thing", "Value": "t1"}])


def test_only_a_higher_version_replaces_a_value_and_the_same_value_is_no_error(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(write, _record("1", Version=5))
    _put(write, _record("1", Version=5))
    _put(write, _record("1", Version=3))
    with pytest.raises(write.exceptions.RejectedRecordsException) as refused:
        _put(write, _record("2", Version=5), _record("9", at_ms=NOW_MS - 1))
    (rejected,) = refused.value.response["RejectedRecords"]
    assert (rejected["RecordIndex"], rejected["ExistingVersion"]) == (0, 5)
    assert rejected["Reason"]
    _put(write, _record("2", Version=6))
    page = query.query(
        QueryString="SELECT measure_value::double FROM plant.telemetry ORDER BY time DESC"
    )
    assert _cells(page) == [["2.0"], ["9.0"]]


def test_two_values_of_one_key_in_one_request_follow_their_versions(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    with pytest.raises(write.exceptions.RejectedRecordsException) as refused:
        _put(write, _record("1"), _record("2"), _record("3", Version=2))
    assert [each["RecordIndex"] for each in refused.value.response["RejectedRecords"]] == [1]
    page = query.query(QueryString="SELECT measure_value::double FROM plant.telemetry")
    assert _cells(page) == [["3.0"]]


@pytest.mark.parametrize(
    ("at_ms", "told"), [(NOW_MS - 7 * 3_600_000, "memory"), (NOW_MS + 16 * 60_000, "memory")]
)
def test_a_record_outside_the_retention_is_rejected_and_the_rest_stored(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient", at_ms: int, told: str
) -> None:
    with pytest.raises(write.exceptions.RejectedRecordsException) as refused:
        _put(write, _record(at_ms=at_ms), _record())
    (rejected,) = refused.value.response["RejectedRecords"]
    assert rejected["RecordIndex"] == 0
    assert told in rejected["Reason"]
    assert _cells(query.query(QueryString="SELECT count(*) FROM plant.telemetry")) == [["1"]]


def test_a_late_record_goes_to_the_magnetic_store_where_that_is_enabled(
    write: "TimestreamWriteClient",
) -> None:
    write.update_table(
        DatabaseName="plant",
        TableName="telemetry",
        MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
    )
    answer = _put(write, _record(at_ms=NOW_MS - 7 * 3_600_000), _record())
    assert answer["RecordsIngested"] == {"Total": 2, "MemoryStore": 1, "MagneticStore": 1}


def test_a_value_of_another_type_is_rejected_alone(write: "TimestreamWriteClient") -> None:
    with pytest.raises(write.exceptions.RejectedRecordsException) as refused:
        _put(write, _record("abc"), _record("NaN"), _record("1"))
    indexes = [each["RecordIndex"] for each in refused.value.response["RejectedRecords"]]
    assert indexes == [0, 1]


@pytest.mark.parametrize(
    "record",
    [
        _record(Time="soon"),
        _record(Version=0),
        _record(TimeUnit="DAYS"),
        _record(Dimensions=[{"Name": "time", "Value": "x"}]),
        _record(MeasureValueType="MULTI"),
        {key: value for key, value in _record().items() if key != "MeasureName"},
    ],
)
def test_a_malformed_record_refuses_the_request(
    write: "TimestreamWriteClient", record: dict[str, Any]
) -> None:
    with pytest.raises(write.exceptions.ValidationException):
        _put(write, record)


def test_more_than_a_hundred_records_are_refused(write: "TimestreamWriteClient") -> None:
    with pytest.raises(write.exceptions.ValidationException, match="100"):
        _put(write, *(_record(at_ms=NOW_MS - n) for n in range(101)))


def test_a_table_that_does_not_exist_is_not_found(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    with pytest.raises(write.exceptions.ResourceNotFoundException):
        write.write_records(DatabaseName="plant", TableName="no", Records=[_record()])  # type: ignore[list-item] # a plain dict
    with pytest.raises(ClientError) as wrong:
        query.query(QueryString="SELECT * FROM plant.no")
    assert _refusal(wrong) == ("ValidationException", 400)


def test_bin_ago_and_literals_give_averages_over_time(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(write, *(_record(str(n), at_ms=NOW_MS - n * 60_000) for n in range(60)))
    page = query.query(
        QueryString="SELECT bin(time, 15m) AS slot, avg(measure_value::double), count(*) "
        "FROM plant.telemetry WHERE time > ago(30m) AND measure_name = 'temperature' "
        "GROUP BY bin(time, 15m) ORDER BY slot"
    )
    assert _cells(page) == [
        ["2026-09-21 13:30:00.000000000", "29.0", "1"],
        ["2026-09-21 13:45:00.000000000", "21.0", "15"],
        ["2026-09-21 14:00:00.000000000", "6.5", "14"],
    ]
    assert [column["Name"] for column in page["ColumnInfo"]] == ["slot", "_col1", "_col2"]


def test_pages_hold_every_row_once(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(write, *(_record(str(n), at_ms=NOW_MS - n) for n in range(100)))
    seen: list[str] = []
    request: dict[str, Any] = {
        "QueryString": "SELECT measure_value::double FROM plant.telemetry ORDER BY 1",
        "MaxRows": 30,
    }
    pages = 0
    while True:
        page = query.query(**request)
        pages += 1
        seen += [cells[0] for cells in _cells(page)]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert pages == 4
    assert seen == [f"{n}.0" for n in range(100)]


def test_a_cancelled_query_has_no_further_pages(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(write, *(_record(str(n), at_ms=NOW_MS - n) for n in range(3)))
    text = "SELECT time FROM plant.telemetry"
    page = query.query(QueryString=text, MaxRows=1)
    query.cancel_query(QueryId=page["QueryId"])
    with pytest.raises(query.exceptions.ValidationException):
        query.query(QueryString=text, NextToken=page["NextToken"])
    with pytest.raises(query.exceptions.ValidationException):
        query.cancel_query(QueryId=page["QueryId"])


def test_show_and_describe_list_what_there_is(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    _put(write, _record(), _multi(NOW_MS, "1", Dimensions=[{"Name": "thing", "Value": "t1"}]))
    assert _cells(query.query(QueryString="SHOW DATABASES")) == [["plant"]]
    assert _cells(query.query(QueryString='SHOW TABLES FROM "plant"')) == [["telemetry"]]
    page = query.query(QueryString='SHOW MEASURES FROM "plant"."telemetry"')
    assert [cells[:2] for cells in _cells(page)] == [
        ["climate", "multi"],
        ["temperature", "double"],
    ]
    first = page["Rows"][0]["Data"][2]["ArrayValue"][0]["RowValue"]["Data"]
    assert first == [{"ScalarValue": "thing"}, {"ScalarValue": "varchar"}]
    described = _cells(query.query(QueryString="DESCRIBE plant.telemetry"))
    assert ["time", "timestamp", "TIMESTAMP"] in described
    assert ["thing", "varchar", "DIMENSION"] in described


def test_grafanas_probe_is_answered(query: "TimestreamQueryClient") -> None:
    page = query.query(QueryString="SELECT 1")
    assert _cells(page) == [["1"]]
    assert page["ColumnInfo"][0]["Type"]["ScalarType"] == "INTEGER"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE plant.telemetry",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM main.databases",
        'SELECT * FROM "main"."databases"',
        "SELECT getenv('HOME')",
        "SELECT 1; SELECT 2",
        "UNLOAD (SELECT 1) TO 's3://bucket'",
        "SELECT interpolate_linear(x, y) FROM plant.telemetry",
        "SELECT ] FROM",
        "SELECT 15ns",
    ],
)
def test_a_statement_that_is_not_answered_is_a_validation_error(
    write: "TimestreamWriteClient",  # noqa: ARG001 - makes the table
    query: "TimestreamQueryClient",
    statement: str,
) -> None:
    with pytest.raises(query.exceptions.ValidationException):
        query.query(QueryString=statement)


def test_both_services_describe_their_endpoint(
    write: "TimestreamWriteClient", query: "TimestreamQueryClient"
) -> None:
    for endpoints in (write.describe_endpoints(), query.describe_endpoints()):
        assert endpoints["Endpoints"][0]["CachePeriodInMinutes"] == 1440
