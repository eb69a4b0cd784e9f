"""Batches, rows and ledger entries for the tests of the functions."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tidecloud import LedgerEntry, Record, Rows, Value

RECEIVED_AT_MS = 1_780_000_000_000


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    def make(
        thing: str = "board-1",
        measurement: str = "climate",
        first_ms: int = RECEIVED_AT_MS - 60_000,
        fields: dict[str, Sequence[Value | None]] | None = None,
    ) -> Rows:
        fields = fields or {"temperature_c": [21.5, 21.75, -0.1]}
        samples = len(next(iter(fields.values())))
        times_ns = [(first_ms + 1000 * number) * 1_000_000 for number in range(samples)]
        return Rows(thing, "harbour", measurement, times_ns, fields)

    return make


@pytest.fixture
def make_entry() -> Callable[..., LedgerEntry]:
    def make(rows: Rows, sequence: int | None = 7, boot: int | None = 2) -> LedgerEntry:
        return LedgerEntry(
            thing=rows.thing,
            measurement=rows.measurement,
            boot=boot,
            sequence=sequence,
            time_ns=rows.times_ns[0],
            samples=len(rows.times_ns),
            samples_empty=0,
            values_not_finite=0,
            last_time_ms=rows.times_ns[-1] // 1_000_000,
            received_at_ms=RECEIVED_AT_MS,
            stored_at_ms=RECEIVED_AT_MS + 250,
        )

    return make


@pytest.fixture
def envelope() -> Callable[..., bytes]:
    """Make what the telemetry rule writes, with any part of it replaced."""

    def make(payload: bytes, **replaced: Any) -> bytes:
        document = {
            "client": "board-1",
            "topic": "dt/tidegauge/harbour/board-1/climate",
            "received_at": RECEIVED_AT_MS,
            "data": base64.b64encode(payload).decode(),
        }
        return json.dumps(document | replaced).encode()

    return make


@pytest.fixture
def make_record() -> Callable[..., Record]:
    def make(data: bytes, number: int = 1, partition_key: str = "board-1") -> Record:
        return Record(
            shard="shardId-000000000000",
            sequence_number=f"{49_600_000_000_000 + number}",
            partition_key=partition_key,
            arrived_at_ms=RECEIVED_AT_MS + 40,
            data=data,
        )

    return make


@pytest.fixture
def event_of() -> Callable[[Sequence[Record]], dict[str, Any]]:
    """Make the event in which Lambda hands records of a stream to a function."""

    def make(records: Sequence[Record]) -> dict[str, Any]:
        return {
            "Records": [
                {
                    "eventID": f"{record.shard}:{record.sequence_number}",
                    "eventSource": "aws:kinesis",
                    "kinesis": {
                        "partitionKey": record.partition_key,
                        "sequenceNumber": record.sequence_number,
                        "approximateArrivalTimestamp": record.arrived_at_ms / 1000,
                        "data": base64.b64encode(record.data).decode(),
                    },
                }
                for record in records
            ]
        }

    return make
