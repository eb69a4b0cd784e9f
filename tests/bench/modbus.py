"""The Modbus gateway against peers: values delivered, requests, CPU and memory, same devices.

A thousand tags once a second, of 10 and of 20 units behind one connection, whose devices take 0,
5 and 20 ms to answer; then as fast as it goes; then one of ten units dies. Where ThingsBoard's
gateway does not get through in a second it has the period it needs, too. What counts is what is
stored: for us what lies in the outbox on the disk, for peers what has arrived at a stand-in for
their server. CPU is of one core, memory the resident size.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.modbus_devices import Devices
from tests.bench.modbus_peers import start_modbus4mqtt, start_thingsboard
from tests.bench.peers import PeerMissingError
from tests.bench.telemetry_server import TelemetryServer, one_value, thingsboard_values
from tidegate.outbox import Outbox
from tidewire import decode

TAGS = 1_000
WINDOW_S = float(os.environ.get("TIDEGAUGE_SECONDS", "8"))
DEAD_WINDOW_S = 4 * WINDOW_S
WARM_S, PEER_WARM_S = 3.0, 10.0
START_S_MAX = 30.0
ROUND_TRIPS_MS = (0.0, 5.0, 20.0)
UNITS = (10, 20)
DEAD_UNIT = 5
FAST_BLOCK = 125
MAIN = Path(__file__).parents[2] / "greengrass_components/modbus_adapter/main.py"
FAST_ROUNDS = 4  # the best counts: the machine is not ours alone
Start = Callable[[Path], "subprocess.Popen[bytes]"]
Counts = dict[str, int]
Count = Callable[[], tuple[float, Counts]]  # by unit, and the instant they are of


@dataclass(frozen=True, slots=True)
class Ran:
    """What one program did in a window; rates are per second."""

    values_s: float
    requests_s: float
    cpu_percent: float
    rss_mb: float


def run() -> Figures:
    """Measure us and the peers."""
    table = Table(title=f"Modbus: {TAGS:,} tags once a second", title_justify="left")
    for column in ("program", "units", "round trip", "values/s", "requests/s", "CPU", "memory"):
        table.add_column(column, justify="left" if column == "program" else "right")
    found: dict[str, float | int | str | bool | None] = {}
    for units in UNITS:
        for round_trip_ms in ROUND_TRIPS_MS:
            _compare(table, found, units, round_trip_ms)
        table.add_section()
    found["cpu_percent_1000_tags_5ms"] = found["modbus_10x5ms_cpu_percent"]
    fast = _fast()
    _row(table, "tidegauge, as fast as it goes", 8, 0.0, fast)
    found["tags_per_s"], found["tags_per_s_rss_mb"] = round(fast.values_s), fast.rss_mb
    many = _ours(10, 0.0, tags_per_unit=TAGS)
    _row(table, "tidegauge, 10,000 tags", 10, 0.0, many)
    found["rss_mb_10000_points_s"] = many.rss_mb
    found["points_s_of_10000"] = round(many.values_s)
    _one_dead(table, found)
    return Figures(table, found)


def _compare(
    table: Table,
    found: dict[str, float | int | str | bool | None],
    units: int,
    round_trip_ms: float,
) -> None:
    name = f"{units}x{round_trip_ms:.0f}ms"
    runs: list[tuple[str, str, int, Callable[[], Ran]]] = [
        ("tidegauge", "modbus", units, lambda: _ours(units, round_trip_ms)),
        ("thingsboard-gateway 3.8.5", "thingsboard", units,
         lambda: _thingsboard(units, round_trip_ms)),
    ]  # fmt: skip
    if units == UNITS[0] and round_trip_ms:
        pace_ms = _pace_ms(round_trip_ms)
        runs.append(
            (f"thingsboard-gateway, each {pace_ms / 1000:.0f} s", "thingsboard_own_pace", units,
             lambda: _thingsboard(units, round_trip_ms, pace_ms))
        )  # fmt: skip
    if units == UNITS[0]:
        runs.append(
            ("modbus4mqtt 0.7.1 (one unit)", "modbus4mqtt", 1, lambda: _modbus4mqtt(round_trip_ms))
        )
    for title, key, shown_units, measure in runs:
        try:
            ran = measure()
        except PeerMissingError as error:
            table.add_row(title, str(shown_units), "", str(error), "", "", "")
            found[f"{key}_missing"] = True
            continue
        _row(table, title, shown_units, round_trip_ms, ran)
        found[f"{key}_{name}_values_per_s"] = round(ran.values_s)
        found[f"{key}_{name}_requests_per_s"] = round(ran.requests_s)
        found[f"{key}_{name}_cpu_percent"] = ran.cpu_percent
        found[f"{key}_{name}_rss_mb"] = ran.rss_mb


def _row(table: Table, title: str, units: int, round_trip_ms: float, ran: Ran) -> None:
    table.add_row(
        title, str(units), f"{round_trip_ms:.0f} ms", f"{ran.values_s:,.0f}",
        f"{ran.requests_s:,.0f}", f"{ran.cpu_percent:.1f} %", f"{ran.rss_mb:.0f} MB",
    )  # fmt: skip


def _ours(units: int, round_trip_ms: float, *, tags_per_unit: int = 0) -> Ran:
    tags = tags_per_unit or TAGS // units
    with Devices(units, round_trip_ms) as devices, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_map(folder, devices.port, units=units, tags=tags, period_ms=1000)
        return _measured(devices, _start_ours, folder, WARM_S, lambda: _stored(folder))


def _fast() -> Ran:
    """Read eight blocks of 125 over four connections without a pause."""
    with Devices(8) as devices, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_map(folder, devices.port, units=8, tags=FAST_BLOCK, period_ms=1, connections=4)
        return _measured(
            devices,
            _start_ours,
            folder,
            WARM_S,
            lambda: _stored(folder, each=FAST_BLOCK),
            rounds=FAST_ROUNDS,
        )


def _pace_ms(round_trip_ms: float) -> int:
    """Return a period in which ThingsBoard's gateway gets through, with a request for each tag."""
    return round(1.15 * TAGS * (round_trip_ms + 0.5))


def _thingsboard(units: int, round_trip_ms: float, period_ms: int = 1000) -> Ran:
    with (
        Devices(units, round_trip_ms) as devices,
        TelemetryServer(thingsboard_values) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        return _measured(
            devices,
            lambda at: start_thingsboard(
                at, server.port, devices.port, units, TAGS // units, period_ms=period_ms
            ),
            Path(name),
            PEER_WARM_S,
            lambda: (time.monotonic(), dict(server.counts)),
            # It delivers at the end of a cycle: two of them.
            window_s=max(WINDOW_S, 2 * period_ms / 1000),
        )


def _modbus4mqtt(round_trip_ms: float) -> Ran:
    with (
        Devices(1, round_trip_ms) as devices,
        TelemetryServer(one_value) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        return _measured(
            devices,
            lambda at: start_modbus4mqtt(at, server.port, devices.port, TAGS),
            Path(name),
            WARM_S,
            lambda: (time.monotonic(), dict(server.counts)),
        )


def _measured(
    devices: Devices,
    start: Start,
    folder: Path,
    warm_s: float,
    count: Count,
    *,
    window_s: float = WINDOW_S,
    rounds: int = 1,
) -> Ran:
    """Run a program, and measure it for the window behind its start."""
    process = start(folder)
    try:
        _warm(process, folder, warm_s)
        watched = psutil.Process(process.pid)
        ran = [_window(devices, watched, count, window_s) for _ in range(rounds)]
    finally:
        _end(process)
    return max(ran, key=lambda one: one.values_s)


def _window(devices: Devices, watched: psutil.Process, count: Count, window_s: float) -> Ran:
    counted_s, counts = count()
    requests, cpu_s, began_s = devices.requests(), _cpu_s(watched), time.monotonic()
    time.sleep(window_s)
    passed_s = time.monotonic() - began_s
    rss_mb = watched.memory_info().rss / 1e6
    cpu_s = _cpu_s(watched) - cpu_s
    requests = devices.requests() - requests
    ended_s, after = count()
    values = sum(after.values()) - sum(counts.values())
    return Ran(
        values / (ended_s - counted_s),
        requests / passed_s,
        round(100 * cpu_s / passed_s, 1),
        round(rss_mb, 1),
    )


def _warm(process: "subprocess.Popen[bytes]", folder: Path, warm_s: float) -> None:
    """Wait until the program is at work: ours has an outbox then, peers get their time."""
    until_s = time.monotonic() + START_S_MAX
    ours = (folder / "settings.yaml").exists()
    while ours and not (folder / "outbox/numbers.json").exists():
        if process.poll() is not None or time.monotonic() > until_s:
            raise RuntimeError(f"the gateway did not start: exit code {process.poll()}")
        time.sleep(0.1)
    time.sleep(warm_s)


def _one_dead(table: Table, found: dict[str, float | int | str | bool | None]) -> None:
    """Let one of ten units die, and count what the others still deliver."""
    ours = _kept_ours()
    found["kept_percent_one_dead_of_ten"] = ours
    shown = [f"tidegauge {ours:.1f} %"]
    try:
        peer = _kept_thingsboard()
        found["thingsboard_kept_percent_one_dead_of_ten"] = peer
        shown.append(f"thingsboard-gateway {peer:.1f} %")
    except PeerMissingError as error:
        shown.append(str(error))
    found["modbus4mqtt_kept_percent_one_dead_of_ten"] = None  # it reads one unit
    table.caption = (
        f"one of ten units dead for {DEAD_WINDOW_S:.0f} s, 5 ms: the others keep {', '.join(shown)}"
        " of their samples"
    )


def _kept_ours() -> float:
    with Devices(10, 5.0) as devices, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_map(folder, devices.port, units=10, tags=TAGS // 10, period_ms=1000)
        return _kept(devices, _start_ours(folder), WARM_S, lambda: _stored(folder))


def _kept_thingsboard() -> float:
    with (
        Devices(10, 5.0) as devices,
        TelemetryServer(thingsboard_values) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        pace_ms = _pace_ms(5.0)
        process = start_thingsboard(
            Path(name), server.port, devices.port, 10, TAGS // 10, period_ms=pace_ms
        )
        return _kept(
            devices,
            process,
            PEER_WARM_S,
            lambda: (time.monotonic(), dict(server.counts)),
            period_s=pace_ms / 1000,
        )


def _kept(
    devices: Devices,
    process: "subprocess.Popen[bytes]",
    warm_s: float,
    count: Count,
    *,
    period_s: float = 1.0,
) -> float:
    try:
        time.sleep(warm_s)
        began_s, before = count()
        devices.kill_unit(DEAD_UNIT)
        time.sleep(DEAD_WINDOW_S)
        ended_s, after = count()
    finally:
        _end(process)
    dead = f"unit{DEAD_UNIT}"
    kept = sum(values - before.get(name, 0) for name, values in after.items() if name != dead)
    due = (ended_s - began_s) / period_s * TAGS * 0.9
    return round(min(100.0, 100 * kept / due), 1)


def _start_ours(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, MAIN, "--configuration", folder / "settings.yaml",
         "--state", folder, "--tag-map", folder / "tags.yaml"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _write_map(
    folder: Path, port: int, *, units: int, tags: int, period_ms: int, connections: int = 1
) -> None:
    """Write a tag map: a measurement for each unit, tags one register each, half of them scaled."""
    lines = ["adapter: modbus", "site: bench", "connections:"]
    lines += [f"  line{n}: {{url: 'tcp://127.0.0.1:{port}'}}" for n in range(connections)]
    lines.append("groups:")
    for unit in range(1, units + 1):
        lines += [
            f"  - measurement: unit{unit}", f"    unit: {unit}", f"    period_ms: {period_ms}",
            f"    connection: line{unit % connections}", "    tags:",
        ]  # fmt: skip
        lines += [
            f"    - {{field: f{n}, address: 'holding:{n}', scale: {0.1 if n % 2 else 1}}}"
            for n in range(tags)
        ]
    (folder / "tags.yaml").write_text("\n".join(lines))
    (folder / "settings.yaml").write_text("health_period_ms: 0\noutbox: {mebibytes_max: 64}\n")


def _stored(folder: Path, *, each: int = 0) -> tuple[float, Counts]:
    """Count the values in an outbox by measurement, looked at from outside as it is now.

    With `each` a sample counts as so many, all measurements together, and nothing is decoded.
    """
    copy = Path(tempfile.mkdtemp(prefix="tidegauge-bench-"))
    subprocess.run(["cp", "-r", folder / "outbox", copy / "outbox"], check=True)
    copied_s = time.monotonic()
    outbox = Outbox(copy / "outbox")
    counts: dict[str, int] = {}
    outbox.maintain(flush=True)
    at = outbox.batches.log.oldest_sequence
    while entries := outbox.batches.peek(at):
        if each:
            counts["all"] = counts.get("all", 0) + each * sum(one.samples for one in entries)
        for entry in [] if each else entries:
            batch = decode(entry.payload)
            values = sum(
                len(column.values) - column.values.count(None)
                for column in batch.columns
                if column.name != "quality"
            )
            name = batch.measurement.rsplit("_", 1)[0]  # a part of many fields is counted with it
            counts[name] = counts.get(name, 0) + values
        at = entries[-1].number + 1
    outbox.close()
    subprocess.run(["rm", "-r", copy], check=True)
    return copied_s, counts


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
