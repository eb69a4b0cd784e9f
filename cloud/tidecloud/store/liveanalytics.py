"""The engine `liveanalytics`: Timestream for LiveAnalytics through boto3.

Flow: ingest -> [store] -> WriteRecords ; query -> [store] -> Query
Bounded: `RECORDS_PER_CALL` rows a call, `CALLS_AT_ONCE` calls at once.
https://docs.aws.amazon.com/timestream/latest/developerguide/API_WriteRecords.html
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from tidecloud.errors import QueryError, StoreBusyError
from tidecloud.ledger import LedgerEntry
from tidecloud.rows import Rows, Value, type_of
from tidecloud.store.answer import iso_utc
from tidecloud.store.port import Answer, AnswerColumn, Cell, Refusal

if TYPE_CHECKING:
    from mypy_boto3_timestream_query import TimestreamQueryClient
    from mypy_boto3_timestream_write import TimestreamWriteClient

TELEMETRY_TABLE = "telemetry"
LEDGER_TABLE = "ledger"
LEDGER_MEASURE = "batch"
RECORDS_PER_CALL = 100  # the service's limit
# One client's calls spend their time waiting for the service; botocore keeps ten connections.
CALLS_AT_ONCE = 8
PAGE_ROWS_MAX = 1000  # the service's limit

# Errors that say the request is wrong, not the moment.
_REFUSALS = frozenset({"ValidationException", "RejectedRecordsException"})


@dataclass(frozen=True, slots=True)
class _Call:
    """One WriteRecords: rows of one batch, or ledger entries of several."""

    table: str
    common: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]
    index: int  # of the batch; of the first entry in a ledger call
    first: int = 0  # of the batch's rows, in this call


class LiveAnalyticsStore:
    """The tables `telemetry` and `ledger` of one database."""

    def __init__(
        self,
        *,
        write: "TimestreamWriteClient",
        query: "TimestreamQueryClient",
        database: str,
        calls_at_once: int = CALLS_AT_ONCE,
    ) -> None:
        self._write_client = write
        self._query_client = query
        self._database = database
        self._threads = ThreadPoolExecutor(calls_at_once, thread_name_prefix="timestream")

    def write(self, rows: Sequence[Rows], ledger: Sequence[LedgerEntry]) -> list[Refusal]:
        """Store all rows, then the ledger entries of the batches that are whole in the store."""
        calls = [
            call
            for index, (batch, entry) in enumerate(zip(rows, ledger, strict=True))
            for call in _row_calls(index, batch, entry)
        ]
        refused: dict[int, dict[int, str]] = {}
        busy: StoreBusyError | None = None
        whole = len(rows)  # so many batches from the front are whole in the store
        for call, outcome in zip(calls, self._threads.map(self._attempt, calls), strict=True):
            if isinstance(outcome, StoreBusyError):
                busy, whole = busy or outcome, min(whole, call.index)
            elif outcome:
                refused.setdefault(call.index, {}).update(
                    {call.first + at: text for at, text in outcome.items()}
                )
        refusals = {
            index: Refusal(index, len(samples), next(iter(samples.values())))
            for index, samples in sorted(refused.items())
        }
        entries = [
            replace(entry, samples=entry.samples - len(refused.get(index, ())))
            for index, entry in enumerate(ledger[:whole])
        ]
        for index, trouble in self._write_ledger(entries):
            if isinstance(trouble, StoreBusyError):
                busy, whole = busy or trouble, min(whole, index)
            else:
                refusals.setdefault(index, Refusal(index, 0, f"ledger: {trouble}"))
        if busy:
            # A refused batch is told of only in a list that is whole: it is tried again too.
            busy.batches_stored = min([whole, *refusals])
            raise busy
        return [refusals[index] for index in sorted(refusals)]

    def query(self, sql: str, rows_max: int) -> Answer:
        """Run one statement, page by page, until `rows_max`."""
        columns: list[AnswerColumn] = []
        rows: list[list[Cell]] = []
        request: dict[str, Any] = {"QueryString": sql, "MaxRows": min(rows_max + 1, PAGE_ROWS_MAX)}
        while True:
            try:
                page = self._query_client.query(**request)
            except ClientError as error:
                if _code(error) == "ValidationException":
                    raise QueryError(_message(error)) from error
                raise StoreBusyError(f"{_code(error)}: {_message(error)}") from error
            except ParamValidationError as error:
                raise QueryError(str(error)) from error
            except BotoCoreError as error:
                raise StoreBusyError(f"no answer from the store: {error}") from error
            info = page["ColumnInfo"]
            columns = [
                AnswerColumn(column.get("Name", ""), _type_of_column(column["Type"]))
                for column in info
            ]
            rows += [
                [
                    _cell(datum, column["Type"])
                    for datum, column in zip(row["Data"], info, strict=True)
                ]
                for row in page["Rows"]
            ]
            if len(rows) > rows_max:
                return Answer(columns, rows[:rows_max], truncated=True)
            if not page.get("NextToken"):
                return Answer(columns, rows, truncated=False)
            request["NextToken"] = page["NextToken"]

    def _write_ledger(
        self, entries: Sequence[LedgerEntry]
    ) -> Iterator[tuple[int, str | StoreBusyError]]:
        """Write ledger entries; yield those that were not taken, with the reason."""
        calls = [
            _ledger_call(start, entries[start : start + RECORDS_PER_CALL])
            for start in range(0, len(entries), RECORDS_PER_CALL)
        ]
        for call, outcome in zip(calls, self._threads.map(self._attempt, calls), strict=True):
            if isinstance(outcome, StoreBusyError):
                yield call.index, outcome
            else:
                yield from ((call.index + at, text) for at, text in outcome.items())

    def _attempt(self, call: _Call) -> dict[int, str] | StoreBusyError:
        """Make a call; return what of it was refused, by record, or that the store is busy."""
        try:
            self._write_client.write_records(
                DatabaseName=self._database,
                TableName=call.table,
                CommonAttributes=call.common,  # type: ignore[arg-type]  # plain maps, as the service takes them
                Records=call.records,  # type: ignore[arg-type]  # plain maps, as the service takes them
            )
        except ClientError as error:
            if _code(error) not in _REFUSALS:
                return StoreBusyError(f"{_code(error)}: {_message(error)}")
            return _refused_of(error, call)
        except ParamValidationError as error:
            return dict.fromkeys(range(len(call.records)), str(error))
        except BotoCoreError as error:
            return StoreBusyError(f"no answer from the store: {error}")
        return {}


def _row_calls(index: int, rows: Rows, entry: LedgerEntry) -> Iterator[_Call]:
    common = {
        "Dimensions": [
            {"Name": "site", "Value": rows.site},
            {"Name": "thing", "Value": rows.thing},
        ],
        "MeasureName": rows.measurement,
        "MeasureValueType": "MULTI",
        "TimeUnit": "NANOSECONDS",
        # The same message always has the same version, so writing it twice changes nothing; of
        # two messages with different values for one instant the later one stays.
        "Version": entry.received_at_ms,
    }
    names = list(rows.fields)
    makers = [_measure_maker(name, values) for name, values in rows.fields.items()]
    records = (
        {
            "Time": str(time_ns),
            "MeasureValues": [
                maker(value)
                for maker, value in zip(makers, sample, strict=True)
                if value is not None and value != ""  # the service has no empty text
            ],
        }
        for time_ns, *sample in zip(
            rows.times_ns, *(rows.fields[name] for name in names), strict=True
        )
    )
    first = 0
    while part := list(islice(records, RECORDS_PER_CALL)):
        yield _Call(TELEMETRY_TABLE, common, part, index, first)
        first += len(part)


def _measure_maker(name: str, values: Sequence[Value | None]) -> Any:
    """Return a function from a value of this field to its MeasureValue."""
    kind = type_of(values)
    if kind is bool:
        return lambda value: {"Name": name, "Value": str(value).lower(), "Type": "BOOLEAN"}
    if kind is str:
        return lambda value: {"Name": name, "Value": value, "Type": "VARCHAR"}
    timestream = "BIGINT" if kind is int else "DOUBLE"
    return lambda value: {"Name": name, "Value": repr(value), "Type": timestream}


def _ledger_call(start: int, entries: Sequence[LedgerEntry]) -> _Call:
    common = {
        "MeasureName": LEDGER_MEASURE,
        "MeasureValueType": "MULTI",
        "TimeUnit": "NANOSECONDS",
    }
    records = [
        {
            "Dimensions": [{"Name": name, "Value": value} for name, value in entry.tags().items()],
            "Time": str(entry.time_ns),
            "Version": entry.stored_at_ms,  # a redelivery writes its entry over the older one
            "MeasureValues": [
                {"Name": name, "Value": str(value), "Type": "BIGINT"}
                for name, value in entry.fields().items()
            ],
        }
        for entry in entries
    ]
    return _Call(LEDGER_TABLE, common, records, start)


def _refused_of(error: ClientError, call: _Call) -> dict[int, str]:
    """Return the refused records; one that a newer version already holds is no refusal."""
    rejected: Any = error.response.get("RejectedRecords")
    if rejected is None:
        return dict.fromkeys(range(len(call.records)), f"{_code(error)}: {_message(error)}")
    refused = {}
    for item in rejected:
        at = item["RecordIndex"]
        version = call.records[at].get("Version", call.common.get("Version", 1))
        if item.get("ExistingVersion", 0) <= version:
            refused[at] = item.get("Reason", "rejected")
    return refused


def _type_of_column(described: Mapping[str, Any]) -> str:
    return _SCALARS.get(described.get("ScalarType", ""), "nested")


def _cell(datum: Mapping[str, Any], described: Mapping[str, Any]) -> Cell:
    if datum.get("NullValue"):
        return None
    if "ScalarValue" in datum:
        return _scalar(datum["ScalarValue"], described.get("ScalarType", ""))
    if "ArrayValue" in datum:
        inner = described["ArrayColumnInfo"]["Type"]
        return [_cell(item, inner) for item in datum["ArrayValue"]]
    if "TimeSeriesValue" in datum:
        inner = described["TimeSeriesMeasureValueColumnInfo"]["Type"]
        return [
            {"time": iso_utc(point["Time"]), "value": _cell(point["Value"], inner)}
            for point in datum["TimeSeriesValue"]
        ]
    return {
        field.get("Name", str(at)): _cell(item, field["Type"])
        for at, (item, field) in enumerate(
            zip(datum["RowValue"]["Data"], described["RowColumnInfo"], strict=True)
        )
    }


def _scalar(text: str, scalar: str) -> Cell:
    kind = _SCALARS.get(scalar, "string")
    if kind == "integer":
        return int(text)
    if kind == "double":
        return float(text)
    if kind == "boolean":
        return text == "true"
    return iso_utc(text) if kind == "timestamp" else text


_SCALARS = {
    "BIGINT": "integer",
    "INTEGER": "integer",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "VARCHAR": "string",
    "DATE": "string",
    "TIME": "string",
    "INTERVAL_DAY_TO_SECOND": "string",
    "INTERVAL_YEAR_TO_MONTH": "string",
    "UNKNOWN": "null",
}


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "unknown")


def _message(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Message", str(error))
