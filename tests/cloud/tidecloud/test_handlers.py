"""No record is dropped: it is stored, set aside, or asked for again."""

import base64
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidecloud.conftest import RECEIVED_AT_MS
from tests.cloud.tidecloud.test_aggregate import aggregate
from tests.cloud.tidecloud.test_pipeline import batch
from tidecloud import (
    LedgerEntry,
    QuarantineError,
    QueryError,
    Record,
    Rows,
    StoreBusyError,
)
from tidecloud.errors import GatewaysBusyError
from tidecloud.handlers import Ingest, Query
from tidecloud.pipeline import Aside
from tidecloud.store import Answer, AnswerColumn, Refusal

EventOf = Callable[[Sequence[Record]], dict[str, Any]]
MakeRecord = Callable[..., Record]


class MemoryStore:
    """A store that keeps batches by their key, refuses some things and is busy when told."""

    def __init__(self, busy_at: int | None = None, refused: Sequence[str] = ()) -> None:
        self.busy_at, self.refused = busy_at, refused
        self.batches: dict[tuple[str, int], LedgerEntry] = {}
        self.writes = 0
        self.answer: Answer | Exception = Answer([], [], truncated=False)
        self.asked: tuple[str, int] | None = None

    def write(self, rows: Sequence[Rows], ledger: Sequence[LedgerEntry]) -> list[Refusal]:
        self.writes += 1
        refusals = []
        for index, (each, entry) in enumerate(zip(rows, ledger, strict=True)):
            if index == self.busy_at:
                raise StoreBusyError(
                    "told to be busy",
                    batches_stored=min([index, *(refusal.index for refusal in refusals)]),
                )
            if each.measurement in self.refused:
                refusals.append(Refusal(index, len(each.times_ns), "wrong type"))
            else:
                self.batches[each.thing, each.times_ns[0]] = entry
        return refusals

    def query(self, sql: str, rows_max: int) -> Answer:
        self.asked = (sql, rows_max)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class MemoryQuarantine:
    """A quarantine that keeps what it is given and fails when told."""

    def __init__(self, failing_at: int | None = None) -> None:
        self.failing_at = failing_at
        self.asides: list[Aside] = []

    def put(self, aside: Aside) -> None:
        if self.failing_at is not None and len(self.asides) >= self.failing_at:
            raise QuarantineError("told to fail")
        self.asides.append(aside)


def handle(
    event: dict[str, Any], store: MemoryStore, quarantine: MemoryQuarantine | None = None
) -> int | None:
    """Return the sequence number to start again from, if any."""
    ingest = Ingest(
        store=store, quarantine=quarantine or MemoryQuarantine(), clock_ms=lambda: RECEIVED_AT_MS
    )
    failures = ingest(event)["batchItemFailures"]
    assert len(failures) <= 1
    return int(failures[0]["itemIdentifier"]) - 49_600_000_000_000 if failures else None


@pytest.fixture
def good(make_record: MakeRecord, envelope: Callable[..., bytes]) -> Callable[..., Record]:
    """Make a record of one batch whose first sample's time says which it is."""

    def make(number: int, measurement: str = "climate") -> Record:
        payload = batch([RECEIVED_AT_MS - 10_000 + number], measurement=measurement)
        topic = f"dt/tidegauge/harbour/board-1/{measurement}"
        return make_record(envelope(payload, topic=topic), number)

    return make


def stored(store: MemoryStore) -> set[int]:
    return {time_ns // 1_000_000 - RECEIVED_AT_MS + 10_000 for _, time_ns in store.batches}


def aside_numbers(quarantine: MemoryQuarantine) -> list[int]:
    return [int(a.record.sequence_number) - 49_600_000_000_000 for a in quarantine.asides]


def test_ingest_sets_a_poison_record_aside_and_stores_the_rest(
    good: Callable[..., Record], make_record: MakeRecord, event_of: EventOf
) -> None:
    store, quarantine = MemoryStore(), MemoryQuarantine()
    records = [good(1), make_record(b"poison", 2), good(3)]
    assert handle(event_of(records), store, quarantine) is None
    assert stored(store) == {1, 3}
    assert [aside.record for aside in quarantine.asides] == [records[1]]


def test_a_busy_store_asks_for_the_first_record_it_does_not_have(
    good: Callable[..., Record], make_record: MakeRecord, event_of: EventOf
) -> None:
    records = [good(1), make_record(b"poison", 2), good(3), make_record(b"poison", 4), good(5)]
    store, quarantine = MemoryStore(busy_at=1), MemoryQuarantine()
    assert handle(event_of(records), store, quarantine) == 3
    assert aside_numbers(quarantine) == [2]  # the later poison comes again with its neighbours


def test_a_store_absent_from_the_start_asks_for_everything_it_should_have(
    good: Callable[..., Record], make_record: MakeRecord, event_of: EventOf
) -> None:
    records = [make_record(b"poison", 1), good(2), make_record(b"poison", 3)]
    store, quarantine = MemoryStore(busy_at=0), MemoryQuarantine()
    assert handle(event_of(records), store, quarantine) == 2
    assert aside_numbers(quarantine) == [1]


def test_a_refused_batch_is_set_aside_whole_with_the_stores_words(
    good: Callable[..., Record], event_of: EventOf
) -> None:
    store, quarantine = MemoryStore(refused=["pressure"]), MemoryQuarantine()
    records = [good(1), good(2, "pressure"), good(3)]
    assert handle(event_of(records), store, quarantine) is None
    (aside,) = quarantine.asides
    assert (aside.reason, aside.record) == ("refused", records[1])
    assert aside.detail == "the store refused 1 of 1 samples: wrong type"
    assert stored(store) == {1, 3}


def test_a_quarantine_that_fails_asks_for_the_record_again(
    good: Callable[..., Record], make_record: MakeRecord, event_of: EventOf
) -> None:
    records = [make_record(b"a", 1), good(2), make_record(b"b", 3), good(4)]
    quarantine = MemoryQuarantine(failing_at=1)
    assert handle(event_of(records), MemoryStore(), quarantine) == 3
    assert aside_numbers(quarantine) == [1]


def test_only_poison_needs_no_store(make_record: MakeRecord, event_of: EventOf) -> None:
    store, quarantine = MemoryStore(busy_at=0), MemoryQuarantine()
    records = [make_record(b"a", 1), make_record(b"b", 2)]
    assert handle(event_of(records), store, quarantine) is None
    assert store.writes == 0
    assert len(quarantine.asides) == 2


def test_an_aggregated_record_comes_again_as_a_whole(
    make_record: MakeRecord, event_of: EventOf
) -> None:
    parts = [("board-1", batch([RECEIVED_AT_MS + number])) for number in range(3)]
    record = make_record(aggregate([*parts, ("board-1", b"poison")]), 1)
    quarantine = MemoryQuarantine()
    assert handle(event_of([record]), MemoryStore(busy_at=2), quarantine) == 1
    assert quarantine.asides == []
    assert handle(event_of([record]), MemoryStore(), quarantine) is None
    assert [aside.record.part for aside in quarantine.asides] == [3]


def test_a_record_delivered_twice_is_stored_once(
    good: Callable[..., Record], event_of: EventOf
) -> None:
    store = MemoryStore()
    handle(event_of([good(1), good(2), good(1)]), store)
    handle(event_of([good(2)]), store)
    assert stored(store) == {1, 2}


@given(data=st.data())
def test_whatever_fails_everything_ends_stored_or_set_aside(data: st.DataObject) -> None:
    """Deliver as Kinesis does, again from the first failure, until all is done."""
    kinds = data.draw(st.lists(st.sampled_from(["good", "poison", "refused"]), max_size=12))
    records = []
    for number, kind in enumerate(kinds):
        measurement = "pressure" if kind == "refused" else "climate"
        payload = batch([RECEIVED_AT_MS - 10_000 + number], measurement=measurement)
        data_of = b"poison" if kind == "poison" else payload
        records.append(
            Record("s", str(49_600_000_000_000 + number), "board-1", RECEIVED_AT_MS, data_of)
        )
    store, quarantine = MemoryStore(refused=["pressure"]), MemoryQuarantine()
    at = 0
    for _ in range(3 * len(records) + 3):
        store.busy_at = data.draw(st.none() | st.integers(0, 12), label="busy_at")
        fail = data.draw(st.none() | st.integers(0, 3), label="quarantine_fails_after")
        quarantine.failing_at = None if fail is None else len(quarantine.asides) + fail
        event = {"Records": [_entry(record) for record in records[at:]]}
        again = handle(event, store, quarantine)
        if again is None:
            break
        assert again >= at
        at = again
    else:
        store.busy_at = quarantine.failing_at = None
        assert handle({"Records": [_entry(r) for r in records[at:]]}, store, quarantine) is None
    assert stored(store) == {number for number, kind in enumerate(kinds) if kind == "good"}
    bad = {number for number, kind in enumerate(kinds) if kind != "good"}
    assert set(aside_numbers(quarantine)) == bad


def _entry(record: Record) -> dict[str, Any]:
    return {
        "eventID": f"{record.shard}:{record.sequence_number}",
        "kinesis": {
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence_number,
            "approximateArrivalTimestamp": record.arrived_at_ms / 1000,
            "data": base64.b64encode(record.data).decode(),
        },
    }


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": [{"s3": {}}]}])
def test_an_event_of_another_trigger_fails_whole(event: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        handle(event, MemoryStore())


def test_payloads_never_reach_the_log(
    good: Callable[..., Record],
    make_record: MakeRecord,
    event_of: EventOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    records = [good(1), make_record(b"hush-hush", 2)]
    handle(event_of(records), MemoryStore(), MemoryQuarantine())
    assert "batches=1" in caplog.text
    assert "'envelope': 1" in caplog.text
    assert "hush" not in caplog.text


def request(sql: str) -> dict[str, Any]:
    return {"body": json.dumps({"sql": sql, "rows_max": 5})}


def test_a_question_is_answered_with_columns_and_rows() -> None:
    store = MemoryStore()
    columns = [AnswerColumn("time", "timestamp"), AnswerColumn("n", "integer")]
    store.answer = Answer(columns, [["2026-11-24T02:00:00Z", 1]], truncated=True)
    response = Query(store=store)(request("SELECT * FROM climate;"))
    assert store.asked == ("SELECT * FROM climate", 5)
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {
        "columns": [{"name": "time", "type": "timestamp"}, {"name": "n", "type": "integer"}],
        "rows": [["2026-11-24T02:00:00Z", 1]],
        "truncated": True,
    }


@pytest.mark.parametrize(
    ("sql", "error", "status", "words"),
    [
        ("DROP TABLE a", None, 400, "begins with one of"),
        ("SELECT x", QueryError("column x not found"), 400, "column x not found"),
        ("SELECT 1", StoreBusyError("no route"), 503, "no route"),
    ],
)
def test_a_question_that_has_no_answer_gets_a_clear_error(
    sql: str, error: Exception | None, status: int, words: str
) -> None:
    store = MemoryStore()
    store.answer = error or store.answer
    response = Query(store=store)(request(sql))
    assert response["statusCode"] == status
    assert words in json.loads(response["body"])["error"]


class SlowList:
    """A list of gateways that S3 does not give for now."""

    def speaks_for(self, gateway: str, thing: str) -> bool:
        if gateway == "gw-busy":
            raise GatewaysBusyError("SlowDown")
        return gateway == thing


def test_where_the_gateways_cant_be_read_the_rest_comes_again(
    make_record: MakeRecord, event_of: EventOf
) -> None:
    store, quarantine = MemoryStore(), MemoryQuarantine()
    ingest = Ingest(
        store=store, quarantine=quarantine, clock_ms=lambda: RECEIVED_AT_MS, gateways=SlowList()
    )
    keys = ("board-1", "other", "gw-busy", "other")
    records = [make_record(batch(), number, key) for number, key in enumerate(keys)]
    answer = ingest(event_of(records))
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[2].sequence_number}]}
    assert (len(store.batches), [aside.reason for aside in quarantine.asides]) == (1, ["identity"])
