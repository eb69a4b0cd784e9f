"""The ingest function by itself: how many values one core takes from the stream to the store.

The real handler runs with its real pipeline and its real store engine, on events as Lambda
gives them; the other end is a sink in a process of its own that answers every write at once.
Processor time counts, so what the sink takes beside it does not.
"""

import base64
import cProfile
import json
import multiprocessing
import os
import pstats
import socketserver
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.recordings import Recording, house, pump
from tidecloud.handlers import Ingest
from tidecloud.pipeline import Aside
from tidecloud.store import InfluxDbStore
from tidewire import Batch, encode, topic

EVENT_RECORDS = 100  # the batch size of the function's event source mapping
ROUNDS = 3  # the best counts: the machine is not ours alone
ROUND_S_MIN = 1.0


def run() -> Figures:
    """Measure the function alone on both recordings."""
    table = Table(title="ingest: the function alone, one core", title_justify="left")
    for column in ("recording", "values/s", "samples/s", "batches/s"):
        table.add_column(column, justify="left" if column == "recording" else "right")
    figures: dict[str, float | int | str | bool | None] = {}
    for recording in (house(), pump()):
        rate = ingest_values_per_s(recording)
        fields = len(recording.fields)
        table.add_row(
            recording.title, f"{rate:,.0f}", f"{rate / fields:,.0f}", f"{rate / fields / 60:,.0f}"
        )
        figures[f"ingest_{recording.name}_values_per_s"] = round(rate)
    return Figures(table, figures)


def ingest_values_per_s(recording: Recording) -> float:
    """Return the best rate of a few rounds over `recording`, in values per processor second."""
    events = list(_events(recording))
    with _sink() as port:
        store = InfluxDbStore(url=f"http://127.0.0.1:{port}", database="tidegauge")
        ingest = Ingest(store=store, quarantine=_NoQuarantine(), clock_ms=_now_ms)
        _handle_all(ingest, events)  # connected, and warm
        if os.environ.get("TIDEGAUGE_PROFILE"):
            _profile(ingest, events)
        return max(_rate(ingest, events, recording.values) for _ in range(ROUNDS))


def _rate(ingest: Ingest, events: list[dict[str, Any]], values: int) -> float:
    passes, began_s = 0, time.process_time()
    while (used_s := time.process_time() - began_s) < ROUND_S_MIN:
        _handle_all(ingest, events)
        passes += 1
    return passes * values / used_s


def _handle_all(ingest: Ingest, events: list[dict[str, Any]]) -> None:
    for event in events:
        answer = ingest(event)
        assert answer == {"batchItemFailures": []}, answer


def _profile(ingest: Ingest, events: list[dict[str, Any]]) -> None:
    with cProfile.Profile() as profile:
        _handle_all(ingest, events)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)


def _events(recording: Recording) -> Iterator[dict[str, Any]]:
    records = [_record(number, batch) for number, batch in enumerate(recording.batches())]
    for start in range(0, len(records), EVENT_RECORDS):
        yield {"Records": records[start : start + EVENT_RECORDS]}


def _record(number: int, batch: Batch) -> dict[str, Any]:
    envelope = {
        "client": batch.thing,
        "topic": topic.build(batch.site, batch.thing, batch.measurement),
        "received_at": batch.times_ms[-1],
        "data": base64.b64encode(encode(batch)).decode(),
    }
    return {
        "eventID": f"shardId-000000000000:{number}",
        "kinesis": {
            "sequenceNumber": str(number),
            "partitionKey": batch.thing,
            "approximateArrivalTimestamp": batch.times_ms[-1] / 1000,
            "data": base64.b64encode(json.dumps(envelope).encode()).decode(),
        },
    }


class _NoQuarantine:
    """Nothing of the recordings is set aside: if something is, the bench is wrong."""

    def put(self, aside: Aside) -> None:
        raise AssertionError(f"set aside: {aside.reason}: {aside.detail}")


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def _sink() -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(connection: Any) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Sink) as server:
        connection.send(server.server_address[1])
        server.serve_forever()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
