"""The whole line, deployed by tidectl's own code, with every part in reach of a test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from tidectl import firmware_image
from tidectl.home import Home
from tidectl.ledger import Ledger, by_thing
from tidectl.local_process import LocalProcess
from tidectl.query_api import QueryApi
from tidectl.simulated_board import BoardStats, SimulatedBoard
from tidectl.stack import deploy
from tidectl.tables import text
from tidectl.target import Target, local_target
from tidectl.thing import ThingFolder, provision

# Quick enough that a fault of a second hits many batches.
SETTINGS: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 20},
        {"name": "health", "driver": "chip", "period_ms": 100},
    ],
    "batch": {"age_ms_max": 500},
    "outbox": {"sync_batches": 1},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500, "ack_timeout_ms": 2_000},
    "clock": {"sntp_host": None},
}
STORED_S_MAX = 30.0  # a function that failed is tried again after at most 5 s, several times
_POLL_S = 0.1


class Line:
    """A local cloud of its own with the stack in it; ends all that it started."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.process = LocalProcess(self.home)
        self.boards: list[SimulatedBoard] = []
        self.accepted: dict[str, int] = {}  # samples on flash, as the boards count them

    def __enter__(self) -> Self:
        self.process.start(http_port=0, mqtt_port=0, store_port=0)
        deploy(self.target)
        return self

    def __exit__(self, *_: object) -> None:
        for board in self.boards:
            if board.running:
                board.kill()
                board.wait()
        facts = self.process.facts()
        if facts:
            psutil.Process(facts.pid).kill()

    @property
    def target(self) -> Target:
        """The local cloud as it runs now."""
        facts = self.process.facts()
        assert facts, self.home.local_log.read_text()
        return local_target(facts)

    def restart_cloud(self, *, kill: bool = False, after_s: float = 0.5) -> None:
        """End the local cloud, by SIGKILL if asked, and start it on the same state."""
        facts = self.process.facts()
        assert facts
        if kill:
            os.kill(facts.pid, signal.SIGKILL)
            wait_until("the killed cloud is gone", lambda: self.process.facts() is None)
        else:
            self.process.stop()
        time.sleep(after_s)  # the fault's own length
        again = self.process.start(http_port=0, mqtt_port=0, store_port=0)
        assert (again.http_url, again.mqtt_port) == (facts.http_url, facts.mqtt_port)

    def board(self, thing: str, *, via_port: int | None = None, **settings: Any) -> SimulatedBoard:
        """Return a provisioned board that runs, connecting through `via_port` if given."""
        folder = provision(self.target, self.home, thing, settings=SETTINGS | settings)
        if via_port is not None:
            connect_through(folder, via_port)
        board = SimulatedBoard(
            folder.image_path,
            log_path=folder.log_path,
            seed=len(self.boards),
            heap_bytes=110 * 1024,
        )
        board.start()
        self.boards.append(board)
        return board

    def drain(self, board: SimulatedBoard) -> BoardStats:
        """End a board in good order and note what it counted; its outbox must be empty."""
        board.interrupt()
        assert board.wait() == 0, board.last_log_line()
        stats = board.stats
        assert stats
        assert stats.final
        assert (stats.queued_batches, stats.dropped) == (0, 0), stats
        self.accepted[stats.thing] = self.accepted.get(stats.thing, 0) + stats.accepted
        return stats

    def count_killed(self, board: SimulatedBoard) -> None:
        """Cut a board's power and note what it counted until then, which is a lower bound."""
        board.kill()
        board.wait()
        if stats := board.stats:
            self.accepted[stats.thing] = self.accepted.get(stats.thing, 0) + stats.accepted

    def stored(self, thing: str) -> int:
        """Count the samples of `thing` in the store, table by table."""
        api = QueryApi(self.target)
        where = f" AND thing = {text(thing)}"
        return sum(
            int(row["samples"])
            for table in ("climate", "health", "event")
            for row in by_thing(api, table, "COUNT(*) AS samples", where=where)
        )

    def ledger_samples(self) -> dict[str, int]:
        """Return the samples of each thing by the ledger."""
        totals = Ledger(QueryApi(self.target)).totals()
        return {total.thing: total.samples for total in totals}

    def wait_until_stored(self) -> None:
        """Return when each thing has at least as many samples in the store as it counted."""
        wait_until(
            f"in the store: {self.accepted}",
            lambda: all(self.stored(thing) >= count for thing, count in self.accepted.items()),
            within_s=STORED_S_MAX,
        )

    def audit(self) -> dict[str, Any]:
        """Return what `tidectl audit --json` says."""
        command = [sys.executable, "-m", "tidectl", "--home", str(self.home.path)]
        done = subprocess.run([*command, "audit", "--json"], capture_output=True, text=True)  # noqa: PLW1510  its code is judged with its verdict
        assert done.stdout, done.stderr
        verdict: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == (1 if verdict["lost"] or verdict["duplicated"] else 0)
        return verdict

    def assert_whole(self, *, exact: bool = True) -> None:
        """Assert that nothing is lost and nothing stored twice, by count and by audit.

        Without `exact`, of killed boards the store may have more than they lived to tell.
        """
        self.wait_until_stored()
        verdict = self.audit()
        assert (verdict["lost"], verdict["duplicated"]) == (0, 0), verdict
        assert (verdict["set_aside"], verdict["failed"]) == (0, 0), verdict
        stored = {thing: self.stored(thing) for thing in self.accepted}
        if exact:
            assert stored == self.accepted
        self.accepted = stored


def wait_until(what: str, is_so: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return when `is_so()`; fails with `what` after `within_s`."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(_POLL_S)


def connect_through(folder: ThingFolder, port: int) -> None:
    """Have the thing's board look for its broker at `port`."""
    config = json.loads(folder.config_path.read_bytes())
    config["broker"]["port"] = port
    folder.config_path.write_text(json.dumps(config))
    firmware_image.update_image(
        folder.image_path,
        config,
        folder.certificate_path.read_bytes(),
        folder.key_path.read_bytes(),
        folder.root_path.read_bytes(),
    )
