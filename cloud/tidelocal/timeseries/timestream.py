"""The Timestream LiveAnalytics face: one handler for its write and its query service.

Flow: X-Amz-Target + JSON 1.0 -> [timestream] -> timestream_tables | _records | _query -> engine
Source: the API references of Timestream Write and Timestream Query (2018-11-01).
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from tidelocal.timeseries.engine import TimeSeriesEngine
from tidelocal.timeseries.errors import (
    BusyError,
    ClosedError,
    ConflictError,
    DiskFullError,
    NotFoundError,
    QueryCancelledError,
    QueryTimeoutError,
    TimeSeriesError,
)
from tidelocal.timeseries.timestream_error import TimestreamError, ValidationError
from tidelocal.timeseries.timestream_query import TimestreamQuery
from tidelocal.timeseries.timestream_tables import TimestreamTables
from tidelocal.timeseries.timestream_write import TimestreamWrite

_TARGET = "Timestream_20181101."
_BODY_BYTES_MAX = 4 << 20  # 100 records of 2 KB values fit many times
_HEADERS = {"content-type": "application/x-amz-json-1.0"}

log = logging.getLogger(__name__)
Answer = tuple[int, dict[str, str], bytes]


async def timestream_handle(
    engine: TimeSeriesEngine,
    target: str,
    body: bytes,
    *,
    region: str = "us-east-1",
    account: str = "000000000000",
    endpoint: str = "localhost:4566",
) -> Answer:
    """Answer one call; `target` is the header X-Amz-Target. Never raises for its input."""
    face = engine.faces.get("timestream")
    if face is None:
        face = engine.faces["timestream"] = _Timestream(engine, region, account, endpoint)
    answer: Answer = await face.answer(target, body)
    return answer


class _Timestream:
    def __init__(self, engine: TimeSeriesEngine, region: str, account: str, endpoint: str) -> None:
        self._endpoint = endpoint
        tables = TimestreamTables(engine, region=region, account=account)
        write, query = TimestreamWrite(engine), TimestreamQuery(engine)
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "DescribeEndpoints": self._describe_endpoints,
            "CreateDatabase": tables.create_database,
            "DescribeDatabase": tables.describe_database,
            "UpdateDatabase": tables.update_database,
            "DeleteDatabase": tables.delete_database,
            "ListDatabases": tables.list_databases,
            "CreateTable": tables.create_table,
            "DescribeTable": tables.describe_table,
            "UpdateTable": tables.update_table,
            "DeleteTable": tables.delete_table,
            "ListTables": tables.list_tables,
            "WriteRecords": write.write_records,
            "Query": query.query,
            "CancelQuery": query.cancel,
        }

    async def answer(self, target: str, body: bytes) -> Answer:
        try:
            return 200, dict(_HEADERS), orjson.dumps(await self._call(target, body))
        except TimestreamError as error:
            return _failure(error)
        except TimeSeriesError as error:
            return _failure(_translated(error))
        except Exception:  # the outermost loop of a call
            log.exception("timestream call failed target=%s", target)
            return _failure(TimestreamError("InternalServerException", "internal error", 500))

    async def _call(self, target: str, body: bytes) -> dict[str, Any]:
        name = target.removeprefix(_TARGET)
        operation = self._operations.get(name) if target.startswith(_TARGET) else None
        if operation is None:
            raise TimestreamError(
                "UnknownOperationException", f"{target!r} is not in the local cloud"
            )
        if len(body) > _BODY_BYTES_MAX:
            raise ValidationError(f"the request has {len(body)} bytes, more than {_BODY_BYTES_MAX}")
        try:
            request = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise TimestreamError("SerializationException", f"not JSON: {error}") from None
        if not isinstance(request, dict):
            raise TimestreamError("SerializationException", "the request must be a JSON object")
        return await operation(request)

    async def _describe_endpoints(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Endpoints": [{"Address": self._endpoint, "CachePeriodInMinutes": 1440}]}


def _translated(error: TimeSeriesError) -> TimestreamError:
    """The one place that says which of Timestream's errors ours become."""
    if isinstance(error, DiskFullError | ClosedError):
        return TimestreamError("InternalServerException", str(error), 500)
    for kind, name in _NAMES.items():
        if isinstance(error, kind):
            return TimestreamError(name, str(error))
    return ValidationError(str(error))


_NAMES = {
    NotFoundError: "ResourceNotFoundException",
    ConflictError: "ConflictException",
    BusyError: "ThrottlingException",
    QueryTimeoutError: "QueryExecutionException",
    QueryCancelledError: "QueryExecutionException",
}


def _failure(error: TimestreamError) -> Answer:
    kind = f"com.amazonaws.timestream.v20181101#{error.kind}"
    content = {"__type": kind, "message": str(error), **error.details}
    return error.status, {**_HEADERS, "x-amzn-errortype": error.kind}, orjson.dumps(content)
