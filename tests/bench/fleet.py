"""Fifty boards on one machine: the real firmware, the real local cloud, and what is lost (nothing).

Each board is MicroPython in a process of its own, over mutual TLS, with the defaults of
`tidectl provision`. Bounded: they run for RUN_S, and starting and draining have their limits.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from tests.bench.figures import Figures
from tests.line.line import Line, wait_until

BOARDS = 50
RUN_S = 60  # from the first start on; all are up after some 20
STORED_S_MAX = 60.0
_END_S_MAX = 300.0


@dataclass(slots=True)
class _Load:
    """What the processes took, looked at from outside once a second while all boards ran."""

    board_bytes: list[int] = field(default_factory=list)  # unique to a board, at most
    boards_cores: list[float] = field(default_factory=list)
    cloud_cores: list[float] = field(default_factory=list)
    host_cores: list[float] = field(default_factory=list)  # `tidectl` itself
    load_average: list[float] = field(default_factory=list)


def run() -> Figures:
    """Run them by `tidectl device run --count`, then audit."""
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder,
        Line(Path(folder)) as line,
    ):
        began = time.perf_counter()
        lines, load = _run_fleet(line)
        took_s = time.perf_counter() - began
        final = lines[-1]
        sent = {one["thing"]: one["accepted"] for one in final["members"]}
        wait_until(
            "all of it is stored",
            lambda: line.ledger_samples() == sent,
            within_s=STORED_S_MAX,
        )
        verdict = line.audit()
    return _figures(lines, load, verdict, took_s)


def _run_fleet(line: Line) -> tuple[list[dict[str, Any]], _Load]:
    """Return the lines of the command, and what it took."""
    command = [sys.executable, "-m", "tidectl", "--home", str(line.home.path)]
    words = ["device", "run", "load", "--count", str(BOARDS), "--seconds", str(RUN_S), "--json"]
    facts = line.process.facts()
    assert facts
    load, lines = _Load(), []
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(_END_S_MAX, process.terminate)
        watchdog.start()
        meter = _Meter(process.pid, facts.pid)
        for text in process.stdout or ():
            lines.append(json.loads(text))
            if lines[-1]["online"] == BOARDS:
                meter.look(load)
        code = process.wait()
        watchdog.cancel()
    assert code == 0, lines[-1:]
    return lines, load


class _Meter:
    """Reads processor time and memory of the boards, of `tidectl` and of the cloud."""

    def __init__(self, host_pid: int, cloud_pid: int) -> None:
        self._host, self._cloud = psutil.Process(host_pid), psutil.Process(cloud_pid)
        self._before: dict[int, float] = {}
        self._looked_s = 0.0

    def look(self, load: _Load) -> None:
        """Note what the last second took."""
        boards = self._host.children()
        cloud = [self._cloud, *self._cloud.children(recursive=True)]
        now_s = time.perf_counter()
        used = [self._used_s(processes) for processes in (boards, cloud, [self._host])]
        if self._looked_s:
            span_s = now_s - self._looked_s
            load.boards_cores.append(used[0] / span_s)
            load.cloud_cores.append(used[1] / span_s)
            load.host_cores.append(used[2] / span_s)
            load.load_average.append(psutil.getloadavg()[0])
        if not load.board_bytes:
            load.board_bytes = [one.memory_full_info().uss for one in boards]
        self._looked_s = now_s

    def _used_s(self, processes: list[psutil.Process]) -> float:
        used_s = 0.0
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total_s = times.user + times.system
            used_s += total_s - self._before.get(process.pid, total_s)
            self._before[process.pid] = total_s
        return used_s


def _figures(
    lines: list[dict[str, Any]], load: _Load, verdict: dict[str, Any], took_s: float
) -> Figures:
    final = lines[-1]
    up_s = next(line["seconds"] for line in lines if line["online"] == BOARDS)
    drained_s = final["seconds"] - RUN_S
    values: dict[str, float | int | str | bool | None] = {
        "fleet_boards": BOARDS,
        "fleet_all_connected_s": up_s,
        "fleet_connect_ms_p50": final["connected_after_ms"]["p50"],
        "fleet_connect_ms_max": final["connected_after_ms"]["max"],
        "fleet_board_memory_bytes": max(load.board_bytes),
        "fleet_boards_cores": _mean(load.boards_cores),
        "fleet_cloud_cores": _mean(load.cloud_cores),
        "fleet_host_cores": _mean(load.host_cores),
        "fleet_load_average": _mean(load.load_average),
        "fleet_samples_sent": final["accepted"],
        "fleet_drain_s": round(drained_s, 1),
        "fleet_seconds": round(took_s, 1),
        "fleet_lost": verdict["lost"],
        "fleet_duplicated": verdict["duplicated"],
    }
    table = Table(title=f"fleet: {BOARDS} boards on one machine", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for what, value in (
        ("all connected after, s (one starts each 0.2 s)", up_s),
        ("from start to connected, half within, ms", final["connected_after_ms"]["p50"]),
        ("  the slowest, ms", final["connected_after_ms"]["max"]),
        ("memory of a board, KB", max(load.board_bytes) >> 10),
        ("cores busy: boards", _mean(load.boards_cores)),
        ("  local cloud, function and store", _mean(load.cloud_cores)),
        ("  tidectl, 50 boards' lines", _mean(load.host_cores)),
        ("load average while all ran", _mean(load.load_average)),
        ("samples sent", final["accepted"]),
        ("ended and drained within, s", values["fleet_drain_s"]),
        ("lost / stored twice, by audit", f"{verdict['lost']} / {verdict['duplicated']}"),
    ):
        table.add_row(what, str(value))
    return Figures(table, values)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None
