"""What becomes of a record: rows and a ledger entry, or a reason to set it aside."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidecloud.conftest import RECEIVED_AT_MS
from tests.cloud.tidecloud.test_aggregate import aggregate
from tidecloud import Record
from tidecloud.errors import GatewaysBusyError
from tidecloud.pipeline import FUTURE_MS_MAX, Accepted, Again, Aside, process
from tidewire import FLOAT, Batch, Column, column_of, decode, encode

STORED_AT_MS = RECEIVED_AT_MS + 100
Envelope = Callable[..., bytes]
MakeRecord = Callable[..., Record]


def batch(
    times_ms: Sequence[int] | None = None,
    columns: Sequence[Column] | None = None,
    site: str = "harbour",
    thing: str = "board-1",
    measurement: str = "climate",
) -> bytes:
    times_ms = [RECEIVED_AT_MS - 2000, RECEIVED_AT_MS - 1000] if times_ms is None else times_ms
    columns = columns or [column_of("temperature_c", [21.5] * len(times_ms))]
    return encode(Batch(site, thing, measurement, 3, 17, list(times_ms), list(columns)))


def outcome(record: Record) -> Accepted | Aside | Again:
    (result,) = process([record], STORED_AT_MS)
    return result


def accepted(record: Record) -> Accepted:
    result = outcome(record)
    assert isinstance(result, Accepted), result
    return result


def aside(record: Record) -> Aside:
    result = outcome(record)
    assert isinstance(result, Aside), result
    return result


def test_a_batch_becomes_rows_and_a_ledger_entry(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    columns = [
        column_of("temperature_c", [21.5, -0.25]),
        column_of("count", [1, 2]),
        column_of("open", [True, False]),
        column_of("note", ["a", None]),
    ]
    result = accepted(make_record(envelope(batch(columns=columns))))
    rows, entry = result.rows, result.entry
    assert (rows.site, rows.thing, rows.measurement) == ("harbour", "board-1", "climate")
    assert rows.times_ns == [(RECEIVED_AT_MS - age) * 1_000_000 for age in (2000, 1000)]
    assert rows.fields == {
        "temperature_c": [21.5, -0.25],
        "count": [1, 2],
        "open": [True, False],
        "note": ["a", None],
    }
    assert (entry.boot, entry.sequence, entry.samples) == (3, 17, 2)
    assert entry.time_ns == rows.times_ns[0]
    assert entry.last_time_ms == RECEIVED_AT_MS - 1000
    assert (entry.received_at_ms, entry.stored_at_ms) == (RECEIVED_AT_MS, STORED_AT_MS)
    assert (entry.samples_empty, entry.values_not_finite) == (0, 0)


def test_a_decimal_is_a_double_even_when_whole(make_record: MakeRecord, envelope: Envelope) -> None:
    columns = [column_of("temperature_c", [21.0, 22.0])]
    values = accepted(make_record(envelope(batch(columns=columns)))).rows.fields["temperature_c"]
    assert [type(value) for value in values] == [float, float]


def test_basic_ingest_topics_are_topics(make_record: MakeRecord, envelope: Envelope) -> None:
    topic = "$aws/rules/tidegauge_telemetry/dt/tidegauge/harbour/board-1/climate"
    accepted(make_record(envelope(batch(), topic=topic)))


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ({"client": "board-2"}, "identity"),
        ({"client": "n/a"}, "identity"),
        ({"client": "N/A"}, "identity"),
        ({"client": ""}, "identity"),
        ({"client": None}, "identity"),
        ({"client": 1}, "envelope"),
        ({"topic": "dt/tidegauge/harbour/board-2/climate", "client": "board-2"}, "identity"),
        ({"topic": "dt/tidegauge/elsewhere/board-1/climate"}, "identity"),
        ({"topic": "dt/tidegauge/harbour/board-1/pressure"}, "identity"),
        ({"topic": "dt/tidegauge/harbour/board-2/climate"}, "identity"),
        ({"topic": "dt/tidegauge/harbour/board-1"}, "topic"),
        ({"topic": "dt/tidegauge/a/b/board-1/climate"}, "topic"),
        ({"topic": None}, "envelope"),
        ({"received_at": None}, "envelope"),
        ({"received_at": True}, "envelope"),
        ({"received_at": str(RECEIVED_AT_MS)}, "envelope"),
        ({"data": "not base64!"}, "envelope"),
        ({"data": None}, "envelope"),
        ({"data": ""}, "payload"),
    ],
)
def test_an_envelope_that_does_not_fit_its_batch_is_set_aside(
    make_record: MakeRecord, envelope: Envelope, replaced: dict[str, Any], reason: str
) -> None:
    result = aside(make_record(envelope(batch(), **replaced)))
    assert result.reason == reason
    assert result.detail


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\x00", b"null", b"\xff\xd8", b"{" * 100_000])
def test_a_record_that_is_nothing_known_is_set_aside(make_record: MakeRecord, data: bytes) -> None:
    assert aside(make_record(data)).reason == "envelope"


def test_a_clock_that_runs_ahead_is_set_aside(make_record: MakeRecord, envelope: Envelope) -> None:
    limit_ms = RECEIVED_AT_MS + FUTURE_MS_MAX
    accepted(make_record(envelope(batch([limit_ms]))))
    result = aside(make_record(envelope(batch([RECEIVED_AT_MS, limit_ms + 1]))))
    assert result.reason == "future-clock"
    assert f"{FUTURE_MS_MAX + 1} ms ahead" in result.detail


def test_a_clock_that_was_never_set_is_set_aside(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    accepted(make_record(envelope(batch([946_684_800_000]))))
    assert aside(make_record(envelope(batch([946_684_799_999])))).reason == "unset-clock"


def test_values_that_are_not_finite_are_missing_and_counted(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    values = [math.nan, 1.5, None, math.inf]
    columns = [Column("x_g", FLOAT, 0, values), column_of("n", [1, 2, 3, 4])]
    times_ms = [RECEIVED_AT_MS + number for number in range(4)]
    result = accepted(make_record(envelope(batch(times_ms, columns))))
    assert result.rows.fields["x_g"] == [None, 1.5, None, None]
    assert result.entry.values_not_finite == 2
    assert result.entry.samples == 4


def test_samples_without_a_value_are_left_out_and_counted(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    columns = [
        Column("x_g", FLOAT, 0, [math.nan, 0.1, None]),
        column_of("n", [None, None, 3]),
        column_of("never", [None, None, None]),
    ]
    times_ms = [RECEIVED_AT_MS + number for number in range(3)]
    result = accepted(make_record(envelope(batch(times_ms, columns))))
    assert result.rows.fields == {"x_g": [0.1, None], "n": [None, 3]}
    assert result.rows.times_ns == [time_ms * 1_000_000 for time_ms in times_ms[1:]]
    assert (result.entry.samples, result.entry.samples_empty) == (2, 1)
    assert result.entry.time_ns == times_ms[0] * 1_000_000  # the key stays the batch's own


def test_a_batch_without_any_value_is_set_aside(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    columns = [Column("x_g", FLOAT, 0, [math.nan, math.inf])]
    assert aside(make_record(envelope(batch(columns=columns)))).reason == "empty"


def test_samples_of_one_instant_stay_apart_and_in_order(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    at = RECEIVED_AT_MS
    columns = [column_of("n", [1, 2, 3, 4])]
    rows = accepted(make_record(envelope(batch([at, at, at, at + 1], columns)))).rows
    assert [time_ns - at * 1_000_000 for time_ns in rows.times_ns] == [0, 1000, 2000, 1_000_000]


def test_too_many_samples_of_one_instant_are_set_aside(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    many = batch([RECEIVED_AT_MS] * 1001, [column_of("n", [1] * 1001)])
    assert aside(make_record(envelope(many))).reason == "limit"


def test_a_gateways_batch_stands_on_the_stream_itself(make_record: MakeRecord) -> None:
    result = accepted(make_record(batch(), partition_key="board-1"))
    assert result.entry.received_at_ms == RECEIVED_AT_MS + 40  # when the stream got it
    assert aside(make_record(batch(), partition_key="board-2")).reason == "identity"


@pytest.mark.parametrize(
    ("gateway", "reason"),
    [("board-1", None), ("board", "identity"), ("board-", "identity"), ("", "identity")],
)
def test_a_gateway_speaks_for_itself_and_its_parts(
    make_record: MakeRecord, gateway: str, reason: str | None
) -> None:
    for thing in ("board-1", "board-1:pump-3"):
        data = encode(decode(batch())._replace(thing=thing))
        (outcome,) = process([make_record(data, partition_key=gateway)], STORED_AT_MS)
        assert (outcome.reason if isinstance(outcome, Aside) else None) == reason


class Listed:
    """A list with one entry, that can't be read for the gateway `busy`."""

    def speaks_for(self, gateway: str, thing: str) -> bool:
        if gateway == "busy":
            raise GatewaysBusyError("SlowDown")
        return (gateway, thing) == ("gw-1", "board-1")


def test_a_gateway_speaks_for_what_the_list_says(make_record: MakeRecord) -> None:
    records = [make_record(batch(), number, key) for number, key in enumerate(("gw-1", "gw-2"))]
    results = list(process(records, STORED_AT_MS, Listed()))
    assert [type(result) for result in results] == [Accepted, Aside]


def test_where_the_list_cant_be_read_the_record_and_all_behind_it_come_again(
    make_record: MakeRecord,
) -> None:
    records = [
        make_record(batch(), number, key) for number, key in enumerate(("gw-1", "busy", "x"))
    ]
    results = list(process(records, STORED_AT_MS, Listed()))
    assert [type(result) for result in results] == [Accepted, Again]
    assert results[1].position == 1


def test_an_aggregated_record_yields_its_parts(make_record: MakeRecord) -> None:
    data = aggregate([("board-1", batch()), ("board-2", batch()), ("board-1", b"poison")])
    results = list(process([make_record(data, partition_key="a")], STORED_AT_MS))
    assert [type(result) for result in results] == [Accepted, Aside, Aside]
    assert [result.record.part for result in results] == [0, 1, 2]
    assert [result.position for result in results] == [0, 0, 0]
    assert aside(make_record(data[:-1])).reason == "aggregate"


def test_a_poison_record_does_not_touch_its_neighbours(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    good = envelope(batch())
    records = [make_record(good, 1), make_record(b"poison", 2), make_record(good, 3)]
    results = list(process(records, STORED_AT_MS))
    assert [type(result) for result in results] == [Accepted, Aside, Accepted]
    assert [result.position for result in results] == [0, 1, 2]
    assert results[1].record is records[1]


def test_foreign_payloads_take_their_names_from_the_topic(
    make_record: MakeRecord, envelope: Envelope
) -> None:
    flat = json.dumps({"timestamp": RECEIVED_AT_MS - 5000, "temperature_c": 21.5, "open": True})
    senml = json.dumps([{"n": "temperature_c", "u": "Cel", "v": 21.5}])
    for payload in (flat, senml):
        result = accepted(make_record(envelope(payload.encode())))
        assert (result.rows.thing, result.rows.measurement) == ("board-1", "climate")
        assert result.rows.fields["temperature_c"] == [21.5]
        assert (result.entry.boot, result.entry.sequence) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [b'{"n": "\\ud800"}', b'{"n": 1e999}', b"[]", b"{}"],
)
def test_foreign_payloads_that_no_store_can_hold_are_set_aside(
    make_record: MakeRecord, envelope: Envelope, payload: bytes
) -> None:
    result = outcome(make_record(envelope(payload)))
    assert isinstance(result, Aside), result
    assert result.reason in ("payload", "empty")


@given(st.binary(max_size=200), st.sampled_from(["", "{", "\xa0", "[", "\x80", "\xf3\x89\x9a\xc2"]))
def test_any_bytes_are_set_aside_and_never_crash(data: bytes, first: str) -> None:
    raw = first.encode("latin-1") + data
    result = outcome(Record("shardId-0", "1", "board-1", RECEIVED_AT_MS, raw))
    assert isinstance(result, Aside)
    assert result.reason != "crash", result.detail


@given(st.data())
def test_any_payload_in_an_envelope_never_crashes(data: st.DataObject) -> None:
    whole = batch()
    payload = data.draw(
        st.binary(max_size=100)
        | st.integers(0, len(whole) - 1).map(lambda cut: whole[:cut])
        | st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)).map(
            lambda change: whole[: change[0]] + bytes([change[1]]) + whole[change[0] + 1 :]
        )
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ).map(lambda document: json.dumps(document).encode())
    )
    document = {
        "client": "board-1",
        "topic": "dt/tidegauge/harbour/board-1/climate",
        "received_at": RECEIVED_AT_MS,
        "data": base64.b64encode(payload).decode(),
    }
    record = Record("s", "1", "board-1", RECEIVED_AT_MS, json.dumps(document).encode())
    result = outcome(record)
    assert isinstance(result, Accepted) or result.reason != "crash", result
    if isinstance(result, Accepted):
        for values in result.rows.fields.values():
            assert len(values) == len(result.rows.times_ns) == result.entry.samples
            assert all(math.isfinite(value) for value in values if isinstance(value, float))
            assert all(-(1 << 63) <= value < 1 << 63 for value in values if type(value) is int)
