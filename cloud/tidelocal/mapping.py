"""Deliver one shard to one function, in order, until every record is done with.

Flow: shard records -> [mapping] -> function -> checkpoint
After AWS's event source mappings for Kinesis: batch size and window, partial batch response,
bisection, retries, record age, on-failure destination. A batch is held until it is done with;
what comes behind it waits in the stream, which is bounded.
"""

import asyncio
import itertools
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from tidelocal.errors import LocalCloudError
from tidelocal.host import FunctionResult
from tidelocal.mapping_settings import MappingSettings
from tidelocal.stream import Record, ShardRecords

RETRY_DELAY_S_MIN, RETRY_DELAY_S_MAX = 0.2, 5.0  # an absent store is found again within 5 s
EVENT_BYTES_MAX = 6 * 1024 * 1024 - 64 * 1024  # Lambda's 6 MB with room for the envelope
_ENVELOPE_BYTES = 512  # of each record in the event

log = logging.getLogger(__name__)


class Effects(Protocol):
    """What a mapping does to the world."""

    async def invoke(self, function_arn: str, event: dict[str, Any]) -> FunctionResult: ...

    async def send_failure(self, destination_arn: str, document: str) -> None: ...

    async def keep_checkpoint(self, uuid: str, shard: str, sequence_number: str) -> None: ...

    def now_ms(self) -> int: ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Return whether `event` came within `seconds`."""
        ...


@dataclass(slots=True)
class _Part:
    """A run of records that goes to the function together."""

    records: list[Record]
    attempts: int = 0


class ShardMapping:
    """Delivers `records` from behind `position`; `run` until `end`."""

    def __init__(
        self,
        *,
        settings: MappingSettings,
        records: ShardRecords,
        position: str,
        effects: Effects,
        on_result: Callable[[str], None],
    ) -> None:
        self._settings, self._records, self._effects = settings, records, effects
        self._on_result = on_result
        self.position = position
        self.delivered = self.failed_calls = self.set_aside = self.dropped = 0
        self._arrived, self._ending = asyncio.Event(), asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """Look for records at once."""
        self._arrived.set()

    def end(self) -> None:
        """Take no more records; what is at the function may finish."""
        self._ending.set()
        self._arrived.set()

    async def run(self) -> None:
        """Deliver until `end`."""
        while not self._ending.is_set():
            batch = await self._next_batch()
            if batch:
                await self._deliver(batch)

    async def _next_batch(self) -> list[Record]:
        """Wait for a full batch, or for the window of its oldest record to close."""
        settings = self._settings
        while not self._ending.is_set():
            self._arrived.clear()
            batch = list(_fitting(self._records.after(self.position, settings.batch_size)))
            wait_s: float | None = None
            if batch:
                age_ms = self._effects.now_ms() - batch[0]["ApproximateArrivalTimestamp"] * 1000
                wait_s = settings.window_s - age_ms / 1000
                full = len(batch) == settings.batch_size or batch[-1] is not self._records[-1]
                # A window ahead of the whole window means that the clock was set back.
                if full or not 0 < wait_s <= settings.window_s:
                    return batch
            if not await self._effects.wait(self._arrived, wait_s):
                return batch
        return []

    async def _deliver(self, batch: list[Record]) -> None:
        parts = deque([_Part(batch)])
        while parts and not self._ending.is_set():
            part = parts.popleft()
            part.records = await self._without_expired(part.records)
            if not part.records:
                continue
            rest = await self._attempt(part)
            parts.extendleft(reversed(rest))
            if rest and self._failures:
                await self._pause()

    async def _attempt(self, part: _Part) -> list[_Part]:
        """Call the function with `part`; return what must be tried again, in order."""
        settings = self._settings
        result = await self._invoke(part.records)
        if result.error is None:
            done = len(part.records)
            if settings.partial:
                done = _done_before_failure(result.payload, part.records)
            if done:
                self._failures = 0
                self.delivered += done
                await self._pass(part.records[done - 1])
            if done == len(part.records):
                self._on_result("OK")
                return []
            part = _Part(part.records[done:], 0 if done else part.attempts)
            error = "the function reported batch item failures"
        else:
            error = result.error
        part.attempts += 1
        self._failures += 1
        self.failed_calls += 1
        self._on_result("PROBLEM: Function call failed")
        log.warning(
            "delivery failed function=%s records=%d attempt=%d error=%s",
            settings.function_name, len(part.records), part.attempts, error,
        )  # fmt: skip
        if settings.bisect and result.error is not None and len(part.records) > 1:
            half = len(part.records) // 2
            # Bisection does not count as a retry (Lambda developer guide).
            return [
                _Part(part.records[:half], part.attempts - 1),
                _Part(part.records[half:], part.attempts - 1),
            ]
        if settings.retries_max is not None and part.attempts > settings.retries_max:
            await self._give_up(part.records, "RetryAttemptsExhausted", part.attempts)
            return []
        return [part]

    async def _invoke(self, records: list[Record]) -> FunctionResult:
        event = {"Records": [self._event_record(record) for record in records]}
        try:
            return await self._effects.invoke(self._settings.function_arn, event)
        except LocalCloudError as error:
            return FunctionResult(payload=None, error=str(error))

    async def _without_expired(self, records: list[Record]) -> list[Record]:
        age_max_s = self._settings.age_max_s
        if age_max_s is None:
            return records
        oldest = self._effects.now_ms() / 1000 - age_max_s
        # The leading ones alone: behind a clock set back, a younger one may stand before an older.
        expired = list(
            itertools.takewhile(lambda r: r["ApproximateArrivalTimestamp"] < oldest, records)
        )
        if expired:
            await self._give_up(expired, "RecordAgeExceeded", 0)
            if self._ending.is_set():
                return []  # they may not be passed: the next run begins there
        return records[len(expired) :]

    async def _give_up(self, records: list[Record], condition: str, attempts: int) -> None:
        """Pass `records` on to the on-failure destination, or count them as dropped."""
        settings = self._settings
        log.error(
            "records given up function=%s records=%d condition=%s",
            settings.function_name, len(records), condition,
        )  # fmt: skip
        while settings.destination_arn and not self._ending.is_set():
            try:
                await self._effects.send_failure(
                    settings.destination_arn, self._failure_document(records, condition, attempts)
                )
                self.set_aside += len(records)
                break
            except LocalCloudError as error:
                log.error("on-failure destination failed error=%s", error)
                self._failures += 1
                await self._pause()
        else:
            if self._ending.is_set():
                return  # not passed: the next run does it again
            self.dropped += len(records)
        await self._pass(records[-1])

    async def _pass(self, record: Record) -> None:
        self.position = record["SequenceNumber"]
        await self._effects.keep_checkpoint(self._settings.uuid, self._records.shard, self.position)

    async def _pause(self) -> None:
        delay_s = min(RETRY_DELAY_S_MIN * 2 ** min(self._failures - 1, 10), RETRY_DELAY_S_MAX)
        await self._effects.wait(self._ending, delay_s)

    def _event_record(self, record: Record) -> dict[str, Any]:
        number = record["SequenceNumber"]
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": number,
                "data": record["Data"],
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self._records.shard}:{number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._settings.role_arn,
            "awsRegion": self._settings.region,
            "eventSourceARN": self._settings.stream_arn,
        }

    def _failure_document(self, records: list[Record], condition: str, attempts: int) -> str:
        first, last = records[0], records[-1]
        now = self._effects.now_ms() / 1000
        return json.dumps(
            {
                "requestContext": {
                    "functionArn": self._settings.function_arn,
                    "condition": condition,
                    "approximateInvokeCount": attempts,
                },
                "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": _iso(now),
                "KinesisBatchInfo": {
                    "shardId": self._records.shard,
                    "startSequenceNumber": first["SequenceNumber"],
                    "endSequenceNumber": last["SequenceNumber"],
                    "approximateArrivalOfFirstRecord": _iso(first["ApproximateArrivalTimestamp"]),
                    "approximateArrivalOfLastRecord": _iso(last["ApproximateArrivalTimestamp"]),
                    "batchSize": len(records),
                    "streamArn": self._settings.stream_arn,
                },
            }
        )


def _fitting(records: Iterable[Record]) -> Iterable[Record]:
    """Yield the records that fit one event; the first one always goes."""
    total = 0
    for record in records:
        size = len(record["Data"]) + _ENVELOPE_BYTES
        if total and total + size > EVENT_BYTES_MAX:
            return
        total += size
        yield record


def _done_before_failure(payload: Any, records: list[Record]) -> int:
    """Return how many records come before the first reported failure.

    As AWS reads the answer: no answer or an empty list is success, a malformed or unknown
    identifier fails the whole batch.
    """
    if payload is None:
        return len(records)
    failures = payload.get("batchItemFailures") if isinstance(payload, dict) else ...
    if failures is None or failures == []:
        return len(records)
    if not isinstance(failures, list):
        return 0
    index = {record["SequenceNumber"]: at for at, record in enumerate(records)}
    identifiers = [
        failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures
    ]
    places = [index.get(each) if isinstance(each, str) else None for each in identifiers]
    return 0 if None in places else min(place for place in places if place is not None)


def _iso(epoch_s: float) -> str:
    text = datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
