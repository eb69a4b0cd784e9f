"""The line's sustained rate: broker, rule, stream, function and store, on this machine.

Each half is measured alone as well (the function's mapping switched off, then on again), so
that the table tells which part limits. Everything runs in the local cloud, deployed as it is
for users; publishers are two things with a window of unacknowledged publishes each.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.ingest import ingest_values_per_s
from tests.bench.recordings import Recording, house
from tests.line.line import Line, wait_until
from tests.local_cloud import Certificate
from tests.mqtt_device import MqttDevice
from tidectl.thing import provision
from tidewire import encode, topic

THINGS = ("bench-1", "bench-2")
WINDOW = 32  # of AWS IoT Core's 100 unacknowledged publishes of one connection
COPIES = 9  # of the recording a thing: some seconds of work
DRAIN_S_MAX = 120.0


def run() -> Figures:
    """Measure the line as a whole and its halves."""
    recording = house()
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder,
        Line(Path(folder)) as line,
    ):
        devices = [_device(line, thing) for thing in THINGS]
        meter = _Meter(line)
        _publish(devices, [_payloads(recording, thing, 0, 1) for thing in THINGS])
        meter.wait_for_samples(2 * len(recording.times_ms))  # all is warm

        whole = _work(recording, 1)
        before = meter.cpu_s()
        started = time.perf_counter()
        _publish(devices, whole)
        acknowledged_s = time.perf_counter() - started
        meter.wait_for_samples(2 * len(recording.times_ms) * (1 + COPIES))
        whole_s = time.perf_counter() - started
        cpu = {name: used - before.get(name, 0.0) for name, used in meter.cpu_s().items()}

        meter.switch_function(on=False)
        halves = _work(recording, 1 + COPIES)
        started = time.perf_counter()
        _publish(devices, halves)
        front_s = time.perf_counter() - started
        started = time.perf_counter()
        meter.switch_function(on=True)
        meter.wait_for_samples(2 * len(recording.times_ms) * (1 + 2 * COPIES))
        back_s = time.perf_counter() - started
    took = _Took(whole_s, acknowledged_s, front_s, back_s, cpu)
    return _figures(recording, sum(map(len, whole)), took)


@dataclass(frozen=True, slots=True)
class _Took:
    """Seconds that the same work took, and the processor seconds of each part in the whole."""

    whole_s: float
    acknowledged_s: float
    front_s: float
    back_s: float
    cpu_s: dict[str, float]


def _figures(recording: Recording, batches: int, took: _Took) -> Figures:
    values = 2 * COPIES * recording.values
    ingest_rate = ingest_values_per_s(recording)
    table = Table(
        title=f"line: {recording.title}, {batches:,} batches of 60 samples, {values:,} values",
        title_justify="left",
    )
    for column in ("part", "values/s", "batches/s"):
        table.add_column(column, justify="left" if column == "part" else "right")
    parts = {
        "the whole line, publish to store": took.whole_s,
        "  its broker, until all is acknowledged": took.acknowledged_s,
        "broker, rule, stream alone": took.front_s,
        "stream, function, store alone": took.back_s,
    }
    for name, seconds in parts.items():
        table.add_row(name, f"{values / seconds:,.0f}", f"{batches / seconds:,.0f}")
    table.add_row("function alone, one core", f"{ingest_rate:,.0f}", "")
    used = ", ".join(
        f"{name} {used_s / took.whole_s:.2f}" for name, used_s in sorted(took.cpu_s.items())
    )
    limit = "broker, rule, stream" if took.front_s > took.back_s else "stream, function, store"
    table.caption = f"limits: {limit}; cores busy while the whole ran: {used}"
    return Figures(
        table,
        {
            "values_per_s": round(values / took.whole_s),
            "batches_per_s": round(batches / took.whole_s),
            "front_values_per_s": round(values / took.front_s),
            "back_values_per_s": round(values / took.back_s),
            "ingest_values_per_s": round(ingest_rate),
            "limits": limit,
        },
    )


class _Meter:
    """Looks at the line from outside: what the store has, what the processes used."""

    def __init__(self, line: Line) -> None:
        self._line = line
        facts = line.process.facts()
        assert facts
        self._cloud = psutil.Process(facts.pid)
        self._name = line.target.stack_outputs()["IngestFunctionName"]

    def wait_for_samples(self, count: int) -> None:
        """Return when the ledger of all things together has `count` samples."""
        wait_until(f"{count} samples", lambda: self._samples() >= count, within_s=DRAIN_S_MAX)

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time used so far, by part."""
        used = {"publishers": _cpu_s(psutil.Process()), "cloud and store": _cpu_s(self._cloud)}
        used["functions"] = sum(map(_cpu_s, self._cloud.children(recursive=True)))
        return used

    def switch_function(self, *, on: bool) -> None:
        """Take the function from the stream, or give it back."""
        functions = self._line.target.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName=self._name)[
            "EventSourceMappings"
        ]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    def _samples(self) -> int:
        rows = self._line.ledger_samples()
        return sum(rows.values())


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _device(line: Line, thing: str) -> MqttDevice:
    folder = provision(line.target, line.home, thing, site="bench", board=False)
    facts = line.target.local
    assert facts
    pem = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    about: dict[str, Any] = {"ca_path": facts.ca_path, "mqtt_host": facts.mqtt_host}
    return MqttDevice(about | {"mqtt_port": facts.mqtt_port}, pem, thing)


def _work(recording: Recording, first: int) -> list[list[bytes]]:
    return [_payloads(recording, thing, first, COPIES) for thing in THINGS]


def _payloads(recording: Recording, thing: str, first: int, copies: int) -> list[bytes]:
    return list(_encoded(recording, thing, range(first, first + copies)))


def _encoded(recording: Recording, thing: str, copies: range) -> Iterator[bytes]:
    """Yield the recording's batches, each copy behind the one before it in time."""
    batches = list(recording.batches())
    span_ms = recording.times_ms[-1] - recording.times_ms[0] + 600_000
    latest_ms = time.time_ns() // 1_000_000 - 600_000
    back_ms = latest_ms - recording.times_ms[-1] - 2 * COPIES * span_ms
    for copy in copies:
        shift_ms = back_ms + copy * span_ms
        for batch in batches:
            yield encode(
                batch._replace(
                    site="bench",
                    thing=thing,
                    sequence=copy * len(batches) + batch.sequence,
                    times_ms=[t + shift_ms for t in batch.times_ms],
                )
            )


def _publish(devices: list[MqttDevice], work: list[list[bytes]]) -> None:
    """Publish all payloads, each device its own in order, and return when all are acknowledged."""
    threads = [
        threading.Thread(target=_publish_all, args=(device, thing, payloads))
        for device, thing, payloads in zip(devices, THINGS, work, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _publish_all(device: MqttDevice, thing: str, payloads: list[bytes]) -> None:
    name = topic.BASIC_INGEST_PREFIX + topic.build("bench", thing, "house")
    waiting = 0
    for payload in payloads:
        if waiting == WINDOW:
            device.receive()
            waiting -= 1
        device.send(device.packet(name, payload))
        waiting += 1
    for _ in range(waiting):
        device.receive()
