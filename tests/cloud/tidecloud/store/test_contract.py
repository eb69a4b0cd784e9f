"""What every engine of the store keeps to, held against servers that speak its API."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest
import urllib3
from botocore.config import Config

from tests.cloud.tidecloud.store.servers import InfluxServer, TimestreamServer
from tests.cloud.tidecloud.store.serving import served, timestream_app
from tidecloud import LEDGER_TABLE, LedgerEntry, Rows, StoreBusyError
from tidecloud.store import InfluxDbStore, LiveAnalyticsStore, Store
from tidelocal.timeseries import TimeSeriesEngine, influx_app

TOKEN = "secret-token"
MakeRows = Callable[..., Rows]
MakeEntry = Callable[..., LedgerEntry]
TEXT = 'back\\slash "quoted", a=b, ünïcode 🌊, line\nend'


class Engine(Protocol):
    """A store, and what it holds."""

    store: Store

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a measurement or of the ledger, by thing and time."""


@dataclass(frozen=True)
class FakeEngine:
    """A store in front of a stand-in, which can be told to fail."""

    store: Store
    server: InfluxServer | TimestreamServer

    def in_small_requests(self, bytes_max: int) -> Store:
        """Return a store that needs many requests, one after the other."""
        if isinstance(self.server, InfluxServer):
            return influx_store(self.server.url, request_bytes_max=bytes_max)
        return timestream_store(self.server.url, calls_at_once=1)

    def table(self, name: str) -> list[dict[str, Any]]:
        rows = self.server.tables.get(name, {}).values()
        return sorted(rows, key=lambda row: (row["thing"], row["time"]))

    def samples_of(self, thing: str) -> int:
        return sum(row["thing"] == thing for row in self.table("climate"))


@dataclass(frozen=True)
class LocalEngine:
    """A store in front of the local time-series server, read by the store's own queries."""

    store: Store
    statements: dict[str, str]

    def table(self, name: str) -> list[dict[str, Any]]:
        answer = self.store.query(self.statements[name], 10_000)
        names = [column.name for column in answer.columns]
        rows = [
            {name: cell for name, cell in zip(names, row, strict=True) if cell is not None}
            for row in answer.rows
        ]
        for row in rows:
            row["time"] = nanoseconds(str(row["time"]))
            row.pop("measure_name", None)
        return sorted(rows, key=lambda row: (row["thing"], row["time"]))


@contextmanager
def fake_engine(kind: str) -> Iterator[FakeEngine]:
    if kind == "influxdb":
        influx = InfluxServer(token=TOKEN)
        with influx.running():
            yield FakeEngine(influx_store(influx.url), influx)
    else:
        timestream = TimestreamServer()
        with timestream.running():
            yield FakeEngine(timestream_store(timestream.url), timestream)


@contextmanager
def local_engine(kind: str, path: Path) -> Iterator[LocalEngine]:
    with TimeSeriesEngine(path) as engine:
        if kind == "influxdb":
            statements = {
                "climate": "SELECT * FROM climate",
                LEDGER_TABLE: "SELECT * FROM tidegauge_ledger",
            }
            with served(influx_app(engine, TOKEN)) as url:
                yield LocalEngine(influx_store(url), statements)
            return
        statements = {
            "climate": "SELECT * FROM tidegauge.telemetry WHERE measure_name = 'climate'",
            LEDGER_TABLE: "SELECT * FROM tidegauge.ledger",
        }
        with served(timestream_app(engine)) as url:
            client = boto3.client("timestream-write", **timestream_options(url))
            client.create_database(DatabaseName="tidegauge")
            for table in ("telemetry", "ledger"):
                client.create_table(
                    DatabaseName="tidegauge",
                    TableName=table,
                    MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
                )
            yield LocalEngine(timestream_store(url), statements)


@pytest.fixture(params=["influxdb", "liveanalytics"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeEngine]:
    with fake_engine(request.param) as made:
        yield made


@pytest.fixture(
    params=["fake influxdb", "fake liveanalytics", "local influxdb", "local liveanalytics"]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    where, kind = request.param.split()
    making: AbstractContextManager[Engine] = (
        fake_engine(kind) if where == "fake" else local_engine(kind, tmp_path / "store.duckdb")
    )
    with making as made:
        yield made


def nanoseconds(text: str) -> int:
    """Return epoch nanoseconds of an answer's timestamp."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0") or "0")


def influx_store(url: str, request_bytes_max: int = 1_000_000) -> InfluxDbStore:
    return InfluxDbStore(
        url=url,
        database="tidegauge",
        token=lambda: TOKEN,
        pool=urllib3.PoolManager(retries=False, timeout=5),
        request_bytes_max=request_bytes_max,
    )


def timestream_options(url: str) -> Any:
    return {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(retries={"total_max_attempts": 1}, connect_timeout=2),
    }


def timestream_store(url: str, calls_at_once: int = 8) -> LiveAnalyticsStore:
    return LiveAnalyticsStore(
        write=boto3.client("timestream-write", **timestream_options(url)),
        query=boto3.client("timestream-query", **timestream_options(url)),
        database="tidegauge",
        calls_at_once=calls_at_once,
    )


def test_rows_of_every_type_come_back_as_they_were(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    fields: dict[str, Any] = {
        "temperature_c": [21.5, -0.0001, 1e300],
        "count": [0, -(1 << 63), (1 << 63) - 1],
        "open": [True, False, True],
        "note": [TEXT, "\\", "plain"],
    }
    rows = make_rows(fields=fields)
    assert engine.store.write([rows], [make_entry(rows)]) == []
    stored = engine.table("climate")
    assert [row["time"] for row in stored] == rows.times_ns
    assert {(row["thing"], row["site"]) for row in stored} == {("board-1", "harbour")}
    for name, values in fields.items():
        assert [row[name] for row in stored] == values
        assert [type(row[name]) for row in stored] == [type(value) for value in values]


def test_a_missing_value_is_missing_in_its_sample_only(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    fields = {"temperature_c": [21.5, None, 22.0], "open": [None, True, False], "n": [1, None, 3]}
    rows = make_rows(fields=fields)
    engine.store.write([rows], [make_entry(rows)])
    assert [row.get("temperature_c") for row in engine.table("climate")] == [21.5, None, 22.0]
    assert [row.get("open") for row in engine.table("climate")] == [None, True, False]
    assert [row.get("n") for row in engine.table("climate")] == [1, None, 3]


def test_the_ledger_has_one_entry_for_each_batch(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    batches = [make_rows(thing=f"board-{number}") for number in range(3)]
    engine.store.write(batches, [make_entry(rows, sequence=9) for rows in batches])
    ledger = engine.table("tidegauge_ledger")
    assert [row["thing"] for row in ledger] == ["board-0", "board-1", "board-2"]
    assert {(row["boot"], row["sequence"], row["samples"]) for row in ledger} == {("2", "9", 3)}
    assert ledger[0]["last_time_ms"] == batches[0].times_ns[-1] // 1_000_000
    assert ledger[0]["received_at_ms"] < ledger[0]["stored_at_ms"]


def test_a_foreign_batch_has_a_ledger_entry_without_boot_and_sequence(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    rows = make_rows()
    engine.store.write([rows], [make_entry(rows, sequence=None, boot=None)])
    (entry,) = engine.table("tidegauge_ledger")
    assert "boot" not in entry
    assert "sequence" not in entry


def test_writing_a_batch_again_changes_nothing(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    rows = make_rows()
    engine.store.write([rows], [make_entry(rows)])
    before = engine.table("climate")
    later = replace(make_entry(rows), stored_at_ms=make_entry(rows).stored_at_ms + 60_000)
    assert engine.store.write([rows], [later]) == []
    assert engine.table("climate") == before
    (entry,) = engine.table("tidegauge_ledger")
    assert entry["stored_at_ms"] == later.stored_at_ms


def test_of_two_values_for_one_instant_the_later_received_stays(
    engine: Engine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    first, second = make_rows(fields={"n": [1]}), make_rows(fields={"n": [2]})
    engine.store.write([first], [make_entry(first)])
    received_at_ms = make_entry(second).received_at_ms + 5
    later = replace(make_entry(second), sequence=8, received_at_ms=received_at_ms)
    assert engine.store.write([second], [later]) == []
    assert [row["n"] for row in engine.table("climate")] == [2]


def test_a_throttled_store_raises_busy_and_takes_the_same_batch_later(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    rows = make_rows()
    fake.server.faults = [429]
    with pytest.raises(StoreBusyError) as caught:
        fake.store.write([rows], [make_entry(rows)])
    assert caught.value.batches_stored == 0
    assert fake.store.write([rows], [make_entry(rows)]) == []
    assert len(fake.table("climate")) == 3


def test_a_store_that_goes_away_halfway_tells_what_is_safe(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    batches = [make_rows(thing=f"board-{number}") for number in range(12)]
    fake.server.fault_from = 3
    with pytest.raises(StoreBusyError) as caught:
        fake.in_small_requests(900).write(batches, [make_entry(rows) for rows in batches])
    safe = caught.value.batches_stored
    assert safe < len(batches)
    assert all(fake.samples_of(f"board-{number}") == 3 for number in range(safe))
    entered = {row["thing"] for row in fake.table("tidegauge_ledger")}
    assert all(fake.samples_of(thing) == 3 for thing in entered)  # never ahead of the rows


def test_an_absent_store_is_busy(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    absent = type(fake.server)()
    absent.close()
    make = influx_store if isinstance(absent, InfluxServer) else timestream_store
    store = make(absent.url)
    rows = make_rows()
    with pytest.raises(StoreBusyError):
        store.write([rows], [make_entry(rows)])
    with pytest.raises(StoreBusyError):
        store.query("SELECT 1", 10)


@pytest.mark.parametrize("bad", [1, 3, 250])
def test_refused_batches_are_told_and_the_rest_is_stored(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry, bad: int
) -> None:
    first = make_rows(thing="first", fields={"n": [1]})
    fake.store.write([first], [make_entry(first)])
    good = [make_rows(thing=f"good-{number}", fields={"n": [number]}) for number in range(40)]
    clashing = [make_rows(thing=f"bad-{number}", fields={"n": ["text"]}) for number in range(bad)]
    batches = [*good[:20], *clashing, *good[20:]]
    refusals = fake.store.write(batches, [make_entry(rows) for rows in batches])
    assert [refusal.index for refusal in refusals] == list(range(20, 20 + bad))
    assert {refusal.samples for refusal in refusals} == {1}
    assert all("type" in refusal.detail for refusal in refusals)
    assert all(fake.samples_of(rows.thing) == 1 for rows in good)
    stored = {row["thing"]: row["samples"] for row in fake.table("tidegauge_ledger")}
    assert {stored[rows.thing] for rows in good} == {1}
    assert {stored[rows.thing] for rows in clashing} == {0}


def test_a_batch_refused_in_part_keeps_its_other_samples_and_an_honest_ledger(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    first = make_rows(thing="first", fields={"n": [1], "m": [1]})
    fake.store.write([first], [make_entry(first)])
    mixed = make_rows(fields={"n": [1, 2, None, 4], "m": [None, None, 1.5, None]})
    (refusal,) = fake.store.write([mixed], [make_entry(mixed)])
    assert (refusal.index, refusal.samples) == (0, 1)
    assert fake.samples_of("board-1") == 3
    ledger = {row["thing"]: row["samples"] for row in fake.table("tidegauge_ledger")}
    assert ledger["board-1"] == 3


def test_a_refused_batch_is_not_lost_when_the_store_goes_away_after_it(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    first = make_rows(thing="first", fields={"n": [1]})
    fake.store.write([first], [make_entry(first)])
    batches = [
        make_rows(thing="good", fields={"n": [1]}),
        make_rows(thing="bad", fields={"n": ["text"]}),
        *(make_rows(thing=f"more-{number}", fields={"n": [number]}) for number in range(9)),
    ]
    fake.server.faults = [None] * 5 + [503]
    with pytest.raises(StoreBusyError) as caught:
        fake.in_small_requests(500).write(batches, [make_entry(rows) for rows in batches])
    assert caught.value.batches_stored <= 1  # so that the refused one comes again and is told


def test_many_samples_are_written_in_bounded_requests(
    fake: FakeEngine, make_rows: MakeRows, make_entry: MakeEntry
) -> None:
    rows = make_rows(fields={"n": list(range(4096)), "x": [math.pi * n for n in range(4096)]})
    fake.in_small_requests(50_000).write([rows], [make_entry(rows)])
    assert fake.samples_of("board-1") == 4096
    if isinstance(fake.server, InfluxServer):
        assert fake.server.requests > 4
        assert fake.server.bytes_max_seen <= 50_000


def test_nothing_to_write_asks_nothing_of_the_store(fake: FakeEngine) -> None:
    assert fake.store.write([], []) == []
    assert fake.server.requests == 0
