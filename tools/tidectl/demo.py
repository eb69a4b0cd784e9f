"""The whole line on this machine: boards, host, if wanted a gateway; cloud, store, and the proof.

Flow: firmware on MicroPython x 3, this machine's sensors -> local cloud -> store -> audit
What was sent is counted by the devices, what is stored by querying the store: two accounts
that share no code. Whatever this starts it ends, also when it fails.
"""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tidectl.audit import Audit, Verdict
from tidectl.demo_gateway import GATEWAY, DemoGateway
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.host_thing import HostThing
from tidectl.instants import iso, now_ms
from tidectl.local_process import HTTP_PORT, MQTT_PORT, STORE_PORT, LocalProcess
from tidectl.query_api import Answer, NothingStoredError, QueryApi
from tidectl.simulated_board import BoardError, SimulatedBoard
from tidectl.stack import deploy
from tidectl.target import Target, local_target
from tidectl.thing import ThingFolder, provision
from tidectl.watch import Watch, percentile
from tidegate.host.sensors import MEASUREMENT as HOST_MEASUREMENT

SITE = "demo"
HOST_THING = "demo-host"
BOARDS = 3
# Quicker than a board's defaults, so that something moves while one watches.
SETTINGS: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 250},
        {"name": "health", "driver": "chip", "period_ms": 2_000},
    ],
    "batch": {"age_ms_max": 500},
    "outbox": {"sync_batches": 1},
}
MEASUREMENTS = ("climate", "health", HOST_MEASUREMENT)
EXAMPLE_SQL = (
    "SELECT thing, COUNT(*) AS samples, AVG(temperature_c) AS mean_c, MAX(pressure_pa) AS peak_pa"
    " FROM climate WHERE site = 'demo' GROUP BY thing ORDER BY thing"
)
STORED_S_MAX = 30.0
_SHOW_S = 0.25


@dataclass(frozen=True, slots=True)
class ThingState:
    """Where one thing is; counts are of samples. What a gateway's part has sampled it keeps to
    itself: the first three are None then."""

    thing: str
    sampled: int | None
    acknowledged: int | None
    queued_batches: int | None
    connected: bool
    queryable: int
    newest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """How a demo ended."""

    seconds: float
    setup_s: float
    sent: dict[str, int]  # samples by thing, as the devices counted
    stored: dict[str, int]  # samples by thing, as the store answered
    latencies_ms: list[int] = field(repr=False)
    verdict: Verdict
    example: Answer | None  # None when nothing was stored
    gateway: dict[str, int] | None = None  # samples in the store by thing; None without a gateway

    @property
    def lost(self) -> int:
        """What the devices sent and the store has not, or what the audit misses if that is more."""
        short = sum(max(0, count - self.stored.get(t, 0)) for t, count in self.sent.items())
        return max(short, self.verdict.lost_batches + self.verdict.lost_samples)

    @property
    def duplicated(self) -> int:
        """What the store has beyond what was sent, or twice by the audit if that is more."""
        beyond = sum(max(0, self.stored.get(t, 0) - count) for t, count in self.sent.items())
        return max(beyond, self.verdict.duplicated_samples)

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        with_gateway: dict[str, Any] = {}
        if self.gateway is not None:
            with_gateway["gateway"] = {"thing": GATEWAY, "samples_stored": self.gateway}
        return {
            "things": len(self.sent) + len(self.gateway or {}),
            "samples_sent": sum(self.sent.values()),
            "samples_stored": sum(self.stored.values()),
            "lost": self.lost,
            "duplicated": self.duplicated,
            "latency_ms": {
                "p50": percentile(self.latencies_ms, 50),
                "p99": percentile(self.latencies_ms, 99),
                "max": max(self.latencies_ms, default=None),
                "samples": len(self.latencies_ms),
            },
            "batches": self.verdict.batches,
            "set_aside": sum(self.verdict.set_aside.values()),
            "failed": self.verdict.rule_failed + self.verdict.given_up,
            "seconds": round(self.seconds, 1),
            "setup_s": round(self.setup_s, 1),
            "by_thing": {
                thing: {"sent": count, "stored": self.stored.get(thing, 0)}
                for thing, count in self.sent.items()
            },
            **with_gateway,
        }


class Demo:
    """Runs in `home`. `doing(text)` is told each step, `show(states)` the things as they run."""

    def __init__(
        self,
        home: Home,
        *,
        doing: Callable[[str], None],
        show: Callable[[float, list[ThingState]], None],
        keep: bool = False,
        gateway: bool = False,
    ) -> None:
        self._home = home
        self._with_gateway = gateway
        self._doing = doing
        self._show = show
        self._keep = keep
        self._boards: list[SimulatedBoard] = []
        self._began = time.monotonic()

    def run(self, seconds: float) -> Report:
        """Run for `seconds`, or until Ctrl-C, and return what came of it; raises `TidectlError`."""
        with ExitStack() as ends:
            target = self._cloud(ends)
            since_ms = now_ms()
            api = QueryApi(target)
            watch = Watch(api, since_ms=since_ms, slow=GATEWAY)
            field_ends = ends.enter_context(ExitStack())
            if self._with_gateway:
                field_ends.enter_context(DemoGateway(self._home, SITE, self._doing))
            host = self._things(target, ends)
            setup_s = time.monotonic() - self._began
            watch.start()
            ends.callback(watch.stop)
            ran_s = self._watch_them(seconds, host, watch)
            field_ends.close()
            self._doing("ending the devices; they send what they have")
            sent = self._end(host)
            self._doing("waiting until the store has it all")
            stored = _wait_until_stored(api, sent, since_ms)
            watch.stop()
            if watch.error:
                raise watch.error
            self._doing("auditing")
            verdict = Audit(target).run()
            try:
                example = api.ask(EXAMPLE_SQL)
            except NothingStoredError:  # it was ended at once
                example = None
            latencies_ms = watch.seen.latencies_ms
            gateway = _of_gateway(watch) if self._with_gateway else None
            return Report(ran_s, setup_s, sent, stored, latencies_ms, verdict, example, gateway)

    def _cloud(self, ends: ExitStack) -> Target:
        process = LocalProcess(self._home)
        if process.facts() is None:
            self._doing("starting the local cloud")
            process.start(
                http_port=_free_or_any(HTTP_PORT),
                mqtt_port=_free_or_any(MQTT_PORT),
                store_port=_free_or_any(STORE_PORT),
            )
            if not self._keep:
                ends.callback(process.stop)
        facts = process.facts()
        if facts is None:
            raise TidectlError("the local cloud ended", f"see {self._home.local_log}")
        target = local_target(facts)
        self._doing("deploying the stack")
        deploy(target)
        return target

    def _things(self, target: Target, ends: ExitStack) -> HostThing:
        """Provision and start them; those of an earlier demo get new certificates and firmware."""
        for number in range(1, BOARDS + 1):
            thing = f"demo-{number}"
            self._doing(f"provisioning {thing}: key, certificate, flash image")
            folder = self._provision(target, thing, settings=SETTINGS)
            board = SimulatedBoard(folder.image_path, log_path=folder.log_path, seed=number)
            self._boards.append(board)
        self._doing(f"provisioning {HOST_THING}, this machine itself")
        host = HostThing(self._provision(target, HOST_THING, board=False))
        self._doing("booting the boards")
        for board in self._boards:
            try:
                ends.enter_context(board)
            except BoardError as error:
                raise TidectlError(str(error), "tidectl doctor says what is missing") from error
        ends.enter_context(host)
        return host

    def _provision(self, target: Target, thing: str, **more: Any) -> ThingFolder:
        return provision(target, self._home, thing, site=SITE, rotate=True, **more)

    def _watch_them(self, seconds: float, host: HostThing, watch: Watch) -> float:
        began = time.monotonic()
        try:
            while (ran_s := time.monotonic() - began) < seconds:
                self._show(ran_s, self._states(host, watch))
                for board in self._boards:
                    if not board.running:
                        raise TidectlError(
                            f"a board ended: {board.last_log_line()}", "see its board.log"
                        )
                time.sleep(min(_SHOW_S, seconds - ran_s))
        except KeyboardInterrupt:
            pass  # enough seen: the report comes
        ran_s = time.monotonic() - began
        self._show(ran_s, self._states(host, watch))
        return ran_s

    def _states(self, host: HostThing, watch: Watch) -> list[ThingState]:
        seen = watch.seen
        states = [
            ThingState(
                board.stats.thing,
                board.stats.sampled,
                board.stats.acknowledged,
                board.stats.queued_batches,
                board.stats.connected,
                seen.samples[board.stats.thing],
                seen.newest.get(board.stats.thing, {}),
            )
            for board in self._boards
            if board.stats
        ]
        return [
            *states,
            ThingState(
                HOST_THING,
                host.sampled,
                host.acknowledged,
                host.waiting,
                host.connected,
                seen.samples[HOST_THING],
                seen.newest.get(HOST_THING, {}),
            ),
            *(
                ThingState(thing, None, None, None, True, count, seen.newest.get(thing, {}))
                for thing, count in _of_gateway(watch).items()
            ),
        ]

    def _end(self, host: HostThing) -> dict[str, int]:
        """End all devices in good order and return the samples that each one sent."""
        for board in self._boards:
            board.interrupt()
        host.stop()
        sent = {}
        for board in self._boards:
            try:
                code = board.wait()
            except BoardError as error:
                raise TidectlError(str(error), "see its board.log") from error
            if code or board.stats is None or not board.stats.final:
                raise TidectlError(
                    f"a board ended with code {code}: {board.last_log_line()}", "see its board.log"
                )
            sent[board.stats.thing] = board.stats.accepted
        return {**sent, HOST_THING: host.sampled}


def _of_gateway(watch: Watch) -> dict[str, int]:
    """Return the samples that queries returned of the gateway's parts."""
    counts = watch.seen.samples
    return {thing: counts[thing] for thing in sorted(counts) if thing.startswith(GATEWAY)}


def _wait_until_stored(api: QueryApi, sent: dict[str, int], since_ms: int) -> dict[str, int]:
    """Return the stored samples by thing, once all are there or `STORED_S_MAX` is over."""
    deadline = time.monotonic() + STORED_S_MAX
    while True:
        stored = _count(api, since_ms)
        missing = any(stored.get(thing, 0) < count for thing, count in sent.items())
        if not missing or time.monotonic() >= deadline:
            return stored
        time.sleep(_SHOW_S)


def _count(api: QueryApi, since_ms: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for measurement in MEASUREMENTS:
        table, start = api.tables.samples(measurement), api.tables.instant(iso(since_ms))
        sql = (
            f"SELECT thing, COUNT(*) AS samples FROM {table}"  # noqa: S608  names of this file
            f" WHERE site = '{SITE}' AND time >= {start} GROUP BY thing"
        )
        try:
            rows = api.ask(sql).dicts()
        except NothingStoredError:
            continue
        for row in rows:
            counts[row["thing"]] = counts.get(row["thing"], 0) + int(row["samples"])
    return counts


def _free_or_any(port: int) -> int:
    """Return `port` where it is free, else 0, which takes any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
