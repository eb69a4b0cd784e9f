"""Streams and mappings as the hosted Kinesis and Lambda hold them, without those services."""

from collections.abc import Callable
from typing import Any

from tidelocal.errors import ServiceCallError
from tidelocal.host import FunctionResult

STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/telemetry"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:ingest"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:failed"
SHARD = "shardId-000000000000"
NOW_MS = 1_790_000_000_000


class Clock:
    """Milliseconds that move only when a test says so."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Shards:
    """What `Streams` and `Mappings` see of the host."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.open_iterators: list[dict[str, Any]] = []
        self.known_mappings: list[dict[str, Any]] = []
        self.function: Callable[[dict[str, Any]], FunctionResult] = _no_function
        self.sent: list[str] = []
        self.streams = self.functions = self.services = self

    def make_stream(self, starting_sequence_number: str = "0" * 30) -> dict[str, Any]:
        """Make the stream, in the place of an older one."""
        shard = {"records": [], "starting_sequence_number": starting_sequence_number}
        stream = {"StreamARN": STREAM_ARN, "RetentionPeriodHours": 24, "shards": {SHARD: shard}}
        self.made = [stream]
        return stream

    def all(self) -> list[dict[str, Any]]:
        return self.made

    def iterators(self) -> list[dict[str, Any]]:
        return self.open_iterators

    def mappings(self) -> list[dict[str, Any]]:
        return self.known_mappings

    def invoke(self, _function_arn: str, event: dict[str, Any]) -> FunctionResult:
        return self.function(event)

    def queue_url(self, queue_arn: str) -> str:
        return f"http://127.0.0.1/{queue_arn}"

    def send_message(self, _account: str, _region: str, _queue_url: str, body: str) -> None:
        self.sent.append(body)


def _no_function(_event: dict[str, Any]) -> FunctionResult:
    raise ServiceCallError("lambda", "ResourceNotFoundException", FUNCTION_ARN)


def mapping(uuid: str = "mapping-1", **more: Any) -> dict[str, Any]:
    """Return a mapping of the stream to the function (API shape)."""
    return {
        "UUID": uuid,
        "EventSourceArn": STREAM_ARN,
        "FunctionArn": FUNCTION_ARN,
        "StartingPosition": "TRIM_HORIZON",
        "Enabled": True,
        **more,
    }


def record(number: str, arrival_ms: int, data: str = "ZGF0YQ==") -> dict[str, Any]:
    """Return a record as the hosted Kinesis makes it."""
    return {
        "SequenceNumber": number,
        "ApproximateArrivalTimestamp": arrival_ms / 1000,
        "Data": data,
        "PartitionKey": "thing",
    }
