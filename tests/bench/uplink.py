"""A gateway's way to Kinesis: how fast it packs, what that costs, and what a bad day loses.

Packing is measured in processor time, from rows as adapters give them to records as PutRecords
takes them; the same points are packed as others do it. The bad day runs on a clock of its own,
which goes on by what the gateway waits: ten minutes and a blackout of one minute of the
producer's time take some seconds here. Its endpoint throttles three records of ten at random,
now and then takes a request and loses the answer, and hands what it took, as often as it took
it, to the real ingest function and the real store, which is asked in SQL what it has.
"""

import asyncio
import base64
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aws_kinesis_agg.aggregator
from rich.table import Table

from tests.bench.figures import Figures
from tests.cloud.tidecloud.store.serving import served
from tests.greengrass_components.tidegate.kinesis.endpoint import Blackout, Endpoint, Faults
from tests.greengrass_components.tidegate.virtual_clock import VirtualClock
from tidecloud.handlers import Ingest
from tidecloud.pipeline import Aside
from tidecloud.store import InfluxDbStore
from tidegate.batching import Gathered, batches_of
from tidegate.kinesis.aggregate import Aggregate
from tidegate.kinesis.client import InThread, KinesisClient, Result
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import PUT_UNIT_BYTES, Limits, Producer, PutClient
from tidegate.kinesis.shard_budget import ShardRate
from tidegate.outbox import BatchSettings, Outbox, OutboxSettings
from tidegate.stream import Stream
from tidegate.uplink import OutboxSource, Uplink
from tidelocal.timeseries import TimeSeriesEngine, influx_app

UNITS, TAGS = 10, 100
PACKED_S = 240  # of 1,000 tags a second, for the speed
PEER_S = 40
DAY_S = 600  # of the bad day
BLACKOUT_S = (200.0, 260.0)
FAULTS = Faults(seed=20, throttle=0.3, cut=0.02)
START_MS = 1_790_000_000_000
KEY, TOKEN = "gw-1", "a-token"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
UNBOUND = ShardRate(records_per_s=1e9, bytes_per_s=1e12)
ROUNDS = 3  # the best counts: the machine is not ours alone
Rows = list[list[float]]


def run() -> Figures:
    """Measure the packing, its price, and the bad day."""
    units = [_rows(unit, PACKED_S) for unit in range(UNITS)]
    points = UNITS * TAGS * PACKED_S
    packed = _best(lambda: _records(units), points)
    path = _best(lambda: asyncio.run(_through_the_outbox(units)), points)
    short = [rows[:PEER_S] for rows in units]
    peers = {
        name: _best(lambda pack=pack: pack(short), UNITS * TAGS * PEER_S)  # type: ignore[misc]  # bound early
        for name, pack in PEERS.items()
    }
    lost, doubled, day = asyncio.run(_bad_day())

    title = f"uplink: {UNITS * TAGS:,} tags at 1 Hz, {points:,} points"
    table = Table(title=title, title_justify="left")
    for column in ("packed as", "points/s", "bytes/point", "PUT units/million", "records/million"):
        table.add_column(column, justify="left" if column == "packed as" else "right")
    rows = {"tidewire in KPL records (ours)": packed, "  and outbox, producer, ours": path, **peers}
    for name, (rate, sizes, count) in rows.items():
        million = 1_000_000 / count
        table.add_row(
            name, f"{rate:,.0f}", f"{sum(sizes) / count:.2f}", f"{_units(sizes) * million:,.0f}",
            f"{len(sizes) * million:,.0f}",
        )  # fmt: skip
    dark_s = BLACKOUT_S[1] - BLACKOUT_S[0]
    table.caption = (
        f"a bad day: {day['points']:,} points in {DAY_S} s, {FAULTS.throttle:.0%} throttled and"
        f" {dark_s:.0f} s of blackout: {day['throttled']} records throttled, {day['cut']} answers"
        f" lost, {day['dark']} tries in the dark, longest wait {day['wait_s']:.0f} s;"
        f" {lost} points lost, {doubled} doubled in the store"
    )
    return Figures(
        table,
        {
            "points_per_s": round(packed[0]),
            "outbox_points_per_s": round(path[0]),
            "put_units_per_million": round(_units(path[1]) * 1_000_000 / path[2], 1),
            "naive_put_units_per_million": round(_per_million(peers, "JSON, a record per point")),
            "kpl_json_put_units_per_million": round(
                _per_million(peers, "JSON, KPL (aws-kinesis-agg)")
            ),
            "lost": lost,
            "doubled": doubled,
        },
    )


Measured = tuple[float, list[int], int]  # points a processor second, sizes of records, points


def _best(work: Callable[[], list[int]], points: int) -> Measured:
    best_s, sizes = float("inf"), []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        sizes = work()
        best_s = min(best_s, time.process_time() - began_s)
    return points / best_s, sizes, points


def _units(sizes: Sequence[int]) -> int:
    return sum(-(-(size + len(KEY)) // PUT_UNIT_BYTES) for size in sizes)


def _per_million(peers: dict[str, Measured], name: str) -> float:
    _, sizes, points = peers[name]
    return _units(sizes) * 1_000_000 / points


def _rows(unit: int, seconds: int) -> Rows:
    """Tags that walk with the noise of a 12-bit converter, seeded: the same numbers each time."""
    dice = random.Random(unit)
    levels = [dice.randrange(1_000, 9_000) for _ in range(TAGS)]
    rows = []
    for _ in range(seconds):
        levels = [level + round(dice.gauss(0, 2)) for level in levels]
        rows.append([level / 100 for level in levels])
    return rows


def _stream(unit: int) -> Stream:
    return Stream("plant", KEY, f"unit_{unit}", tuple(f"temperature_{n}_c" for n in range(TAGS)))


def _records(units: list[Rows]) -> list[int]:
    """Pack as the outbox and the producer do, batches of 20 s; return the records' sizes."""
    sizes, aggregate, sequence = [], Aggregate(KEY), 0
    for start in range(0, PACKED_S, 20):
        times_ms = [START_MS + second * 1_000 for second in range(start, start + 20)]
        for unit, rows in enumerate(units):
            numbers = list(range(20))
            gathered = Gathered(_stream(unit), 0, times_ms, rows[start : start + 20], numbers)  # type: ignore[arg-type]  # floats are values
            for made in batches_of(gathered, 1, sequence):
                assert made.payload
                sequence += 1
                if not aggregate.fits(len(made.payload)):
                    sizes.append(len(aggregate.encode()))
                    aggregate = Aggregate(KEY)
                aggregate.add(made.payload)
    return [*sizes, len(aggregate.encode())]


class _Scales(PutClient):
    """Takes everything, and notes how large it was."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        self.sizes += [len(data) for _, data in records]
        return [Result()] * len(records)


async def _through_the_outbox(units: list[Rows]) -> list[int]:
    """Send by way of the disk: journal, batches, cursor; return the records' sizes."""
    clock, scales = VirtualClock(), _Scales()
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder:
        box = Outbox(Path(folder), clock_ms=lambda: START_MS + round(clock.at_s * 1_000))
        uplink = _uplink(box, scales, clock, rate=UNBOUND, limits=Limits(linger_ms=60_000))
        for second in range(PACKED_S):
            clock.at_s += 1.0
            for unit, rows in enumerate(units):
                box.append(_stream(unit), START_MS + second * 1_000, rows[second])
            box.maintain()
            if second % 20 == 0:
                await uplink.step()
        box.maintain(flush=True)
        box.batches.log.sync()
        await uplink.drain()
        box.close()
    return scales.sizes


def _uplink(
    box: Outbox, client: PutClient, clock: VirtualClock, *, rate: ShardRate | None = None,
    limits: Limits | None = None,
) -> Uplink:  # fmt: skip
    def make(**told: Any) -> Producer:
        return Producer(
            client=client, partition_key=KEY, clock=clock, dice=random.Random(3), rate=rate,
            limits=limits, **told,
        )  # fmt: skip

    def refused(_: bytes, why: str) -> None:
        raise AssertionError(why)

    source = OutboxSource(box.batches, "kinesis")
    return Uplink(sources=[source], make_producer=make, keep_refused=refused, clock=clock)


def _points(units: list[Rows]) -> Iterator[bytes]:
    for unit, rows in enumerate(units):
        names = _stream(unit).fields
        for second, row in enumerate(rows):
            at_ms = START_MS + second * 1_000
            for name, value in zip(names, row, strict=True):
                yield json.dumps(
                    {"thing": KEY, "measurement": f"unit_{unit}", "field": name, "time": at_ms,
                     "value": value}, separators=(",", ":"),
                ).encode()  # fmt: skip


def _naive(units: list[Rows]) -> list[int]:
    return [len(point) for point in _points(units)]


def _kpl_json(units: list[Rows]) -> list[int]:
    sizes, aggregator = [], aws_kinesis_agg.aggregator.RecordAggregator(51_200)
    for point in _points(units):
        if full := aggregator.add_user_record(KEY, point):
            sizes.append(len(full.get_contents()[2]))
    last = aggregator.clear_and_get()
    return [*sizes, len(last.get_contents()[2])] if last else sizes


def _kpl_json_ours(units: list[Rows]) -> list[int]:
    sizes, aggregate = [], Aggregate(KEY)
    for point in _points(units):
        if not aggregate.fits(len(point)):
            sizes.append(len(aggregate.encode()))
            aggregate = Aggregate(KEY)
        aggregate.add(point)
    return [*sizes, len(aggregate.encode())]


PEERS: dict[str, Callable[[list[Rows]], list[int]]] = {
    "JSON, a record per point": _naive,
    "JSON, KPL (aws-kinesis-agg)": _kpl_json,
    "JSON, KPL (our aggregation)": _kpl_json_ours,
}


async def _bad_day() -> tuple[int, int, dict[str, Any]]:
    """Return points lost and doubled in the store, and what the day was like."""
    clock = VirtualClock()
    dark = Blackout(*BLACKOUT_S, clock.now_s)
    units = [_rows(unit, DAY_S) for unit in range(UNITS)]
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder,
        Endpoint(FAULTS, dark) as endpoint,
    ):
        settings = OutboxSettings(batch=BatchSettings(age_ms_max=5_000), sync_interval_ms=1)
        box = Outbox(Path(folder), settings, clock_ms=lambda: START_MS + round(clock.at_s * 1_000))
        client = KinesisClient(
            stream="tidegauge", region="eu-west-1", endpoint_url=endpoint.url,
            credentials=CredentialSource(KEYS, lambda: 0.0),
        )  # fmt: skip
        uplink = _uplink(box, InThread(client), clock, limits=Limits(aggregate_bytes_max=10_000))
        for second in range(DAY_S):
            clock.at_s = max(clock.at_s, float(second))
            for unit, rows in enumerate(units):
                box.append(_stream(unit), START_MS + second * 1_000, rows[second])
            box.maintain()
            for _ in range(2):
                await uplink.step()
        box.maintain(flush=True)
        await uplink.drain()
        client.close()
        box.close()
        wait_s = uplink.producer.metrics.buffering_time.most / 1_000
        lost, doubled = _compared(units, endpoint.taken)
    points = UNITS * TAGS * DAY_S
    return lost, doubled, {**endpoint.counts, "points": points, "wait_s": wait_s}


def _compared(units: list[Rows], taken: list[tuple[str, bytes]]) -> tuple[int, int]:
    """Ingest what the endpoint took, and compare the store with what was read, point by point."""
    lost = doubled = 0
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder,
        TimeSeriesEngine(Path(folder) / "store.duckdb") as engine,
        served(influx_app(engine, TOKEN)) as url,
    ):
        store = InfluxDbStore(url=url, database="tidegauge", token=lambda: TOKEN)
        ingest = Ingest(store=store, quarantine=_NoQuarantine(), clock_ms=lambda: START_MS)
        for start in range(0, len(taken), 100):
            assert ingest(_event(start, taken[start : start + 100])) == {"batchItemFailures": []}
        for unit, rows in enumerate(units):
            names = ", ".join(_stream(unit).fields)
            sql = f"SELECT time, {names} FROM unit_{unit} ORDER BY time"  # noqa: S608  our own names
            answer = store.query(sql, rows_max=10 * DAY_S)
            found: dict[str, list[Any]] = {}
            for at, *values in answer.rows:
                doubled += TAGS if at in found else 0
                found[at] = values
            there = [value for at in sorted(found) for value in found[at]]
            wanted = [value for row in rows for value in row]
            lost += len(wanted) - len(there) if len(there) < len(wanted) else 0
            if len(there) == len(wanted):
                lost += sum(a != b for a, b in zip(there, wanted, strict=True))
    return lost, doubled


def _event(start: int, records: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{start + place}",
                "kinesis": {
                    "sequenceNumber": str(start + place),
                    "partitionKey": key,
                    "approximateArrivalTimestamp": START_MS / 1000 + DAY_S,
                    "data": base64.b64encode(data).decode(),
                },
            }
            for place, (key, data) in enumerate(records)
        ]
    }


class _NoQuarantine:
    """Nothing is set aside: if something is, the bench is wrong."""

    def put(self, aside: Aside) -> None:
        raise AssertionError(f"set aside: {aside.reason}: {aside.detail}")
