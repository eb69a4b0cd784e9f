"""`tidectl device run`: the real firmware until it is told to end, on one board or on several."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.line.line import connect_through, wait_until
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.ledger import Ledger
from tidectl.query_api import QueryApi
from tidectl.simulated_board import SimulatedBoard, outbox_partition
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision
from tidectl.verbs.device_run import _Asked

# Quick, so that a second holds something.
SETTINGS = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 50}],
    "batch": {"age_ms_max": 200},
    "outbox": {"sync_batches": 1},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500},
    "clock": {"sntp_host": None},
}
END_S_MAX = 40.0
STORED_S_MAX = 30.0

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def folder(deployed: Target, shared_home: Home) -> ThingFolder:
    return provision(deployed, shared_home, "device-1", settings=SETTINGS)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SETTINGS))
    return path


@pytest.fixture
def begin(shared_home: Home) -> Iterator[Begin]:
    """Start `tidectl device run` in a process of its own, with its lines."""
    processes: list[subprocess.Popen[str]] = []

    def started(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tidectl", "--home", str(shared_home.path)]
        process = subprocess.Popen(
            [*command, "device", "run", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(process: "subprocess.Popen[str]", is_so: Callable[[dict[str, Any]], bool]) -> None:
    """Read the lines of `process` up to the first that is so."""
    assert process.stdout
    for line in process.stdout:
        if is_so(json.loads(line)):
            return
    raise AssertionError(process.communicate()[1])


def test_a_run_of_some_seconds_ends_with_everything_sent(
    tidectl: Run, folder: ThingFolder, shared_home: Home
) -> None:
    done = tidectl("device", "run", folder.thing, "--seconds", "3", "--json", home=shared_home.path)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["final"] for line in lines] == [False] * (len(lines) - 1) + [True]
    final = lines[-1]
    assert final["acknowledged"] == final["accepted"] > 0
    assert final["queued_batches"] == 0


def test_what_a_run_has_sent_is_no_longer_waiting_when_it_has_ended(
    tidectl: Run, folder: ThingFolder, shared_home: Home
) -> None:
    """On the partition that provision gives it; a power cut leaves what its block holds."""
    assert outbox_partition(folder.image_path).exists()
    done = tidectl("device", "run", folder.thing, "--seconds", "2", home=shared_home.path)
    assert done.code == 0, done.err
    document = tidectl("status", "--json", home=shared_home.path).json()
    (board,) = [one["board"] for one in document["things"] if one["thing"] == folder.thing]
    assert board == {"running": False, "queued_batches": 0}


def test_people_get_a_line_for_each_step_and_no_answer(
    tidectl: Run, folder: ThingFolder, shared_home: Home
) -> None:
    done = tidectl("device", "run", folder.thing, "--seconds", "2", home=shared_home.path)
    assert done.code == 0, done.err
    assert done.out == ""
    assert "waiting 0 batches" in done.err.splitlines()[-1]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(
    end: signal.Signals, folder: ThingFolder, begin: Begin
) -> None:
    running = begin(folder.thing)
    until(running, lambda line: line["acknowledged"] > 0)
    running.send_signal(end)
    out, err = running.communicate(timeout=END_S_MAX)
    assert running.returncode == 0, err
    final = json.loads(out.splitlines()[-1])
    assert final["final"]
    assert final["queued_batches"] == 0


def test_what_can_not_be_sent_waits_for_the_next_run(
    tidectl: Run, deployed: Target, shared_home: Home
) -> None:
    folder = provision(
        deployed, shared_home, "device-2", settings=SETTINGS | {"link": {"ack_timeout_ms": 500}}
    )
    connect_through(folder, 9)  # where nobody listens
    arguments = ("device", "run", "device-2", "--seconds", "1", "--drain-seconds", "0.5")
    done = tidectl(*arguments, home=shared_home.path)
    assert done.code == 0, done.err
    assert "wait in the flash image for the next run" in done.err


def test_an_image_that_another_board_has_is_one_line(
    tidectl: Run, folder: ThingFolder, shared_home: Home
) -> None:
    with SimulatedBoard(folder.image_path, log_path=folder.log_path) as board:
        done = tidectl("device", "run", folder.thing, home=shared_home.path)
        assert "another board runs on" in done.complaint()
        assert board.running


def test_a_thing_that_is_not_here_is_one_line(tidectl: Run) -> None:
    done = tidectl("device", "run", "nobody")
    assert done.complaint() == "there is no thing nobody here"
    assert "tidectl provision nobody" in done.err


def test_a_thing_without_an_image_is_one_line(
    tidectl: Run, deployed: Target, shared_home: Home
) -> None:
    provision(deployed, shared_home, "device-3", board=False)
    done = tidectl("device", "run", "device-3", home=shared_home.path)
    assert done.complaint() == "device-3 is no board: it has no flash image"


@pytest.mark.parametrize("data", [b"", b"\0" * 65536])
def test_an_image_that_is_none_is_one_line_with_the_log(
    data: bytes, tidectl: Run, deployed: Target, shared_home: Home
) -> None:
    name = f"device-4-{len(data)}"
    folder = provision(deployed, shared_home, name, settings=SETTINGS)
    folder.image_path.write_bytes(data)
    done = tidectl("device", "run", name, home=shared_home.path)
    assert "the board ended with code" in done.complaint()
    assert str(folder.log_path) in done.err


def test_a_board_that_waits_at_its_portal_says_where_and_ends_when_it_is_told(
    tidectl: Run, deployed: Target, shared_home: Home
) -> None:
    provision(deployed, shared_home, "device-5", settings=SETTINGS | {"wifi": "portal"})
    done = tidectl("device", "run", "device-5", "--seconds", "3", home=shared_home.path)
    assert done.code == 0, done.err
    assert "set-up: join the Wi-Fi tidegauge-" in done.err


def test_several_boards_run_on_one_machine_and_all_they_sent_is_stored(
    tidectl: Run, deployed: Target, shared_home: Home, config: Path
) -> None:
    words = ("device", "run", "fleet", "--count", "3", "--config", str(config), "--site", "farm")
    done = tidectl(*words, "--seconds", "3", "--json", home=shared_home.path)
    assert done.code == 0, done.err
    final = done.json()
    assert (final["final"], final["boards"], final["ended"]) == (True, 3, 3)
    assert final["queued_batches"] == final["dropped"] == 0
    members = {one["thing"]: one for one in final["members"]}
    assert list(members) == ["fleet-01", "fleet-02", "fleet-03"]
    assert all(one["acknowledged"] == one["accepted"] > 0 for one in members.values())
    assert all(one["connected_after_s"] > 0 for one in members.values())
    ledger = Ledger(QueryApi(deployed))

    def stored() -> dict[str, int]:
        return {one.thing: one.samples for one in ledger.totals() if one.thing in members}

    sent = {thing: one["accepted"] for thing, one in members.items()}
    wait_until("all of it is stored", lambda: stored() == sent, within_s=STORED_S_MAX)
    again = tidectl(*words, "--seconds", "0.1", home=shared_home.path)
    assert again.code == 0, again.err
    assert "0 made, 3 as they were" in again.err
    assert "3 boards: 2 to come, 1 ended" in again.err.splitlines()[-1]


def test_ctrl_c_ends_several_boards_in_good_order(begin: Begin, config: Path) -> None:
    process = begin("ended", "--count", "2", "--config", str(config))
    until(process, lambda line: line["online"] == 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=END_S_MAX)
    assert process.returncode == 0, err
    final = json.loads(out.splitlines()[-1])
    assert (final["final"], final["ended"], final["queued_batches"]) == (True, 2, 0)
    assert final["acknowledged"] == final["accepted"] > 0


def test_a_board_that_fails_is_named_and_stops_no_other(
    tidectl: Run, deployed: Target, shared_home: Home, config: Path
) -> None:
    provision(deployed, shared_home, "failing-02", settings=SETTINGS).image_path.write_bytes(b"")
    words = ("device", "run", "failing", "--count", "2", "--seconds", "2", "--config", str(config))
    done = tidectl(*words, "--json", home=shared_home.path)
    assert "1 of 2 boards failed" in done.complaint()
    assert "failing-02: the board ended with code 1" in done.err
    first, second = done.json()["members"]
    assert (first["state"], second["state"]) == ("ended", "failed")
    assert first["acknowledged"] == first["accepted"] > 0


def test_what_is_for_several_boards_is_refused_for_one(
    tidectl: Run, folder: ThingFolder, config: Path, shared_home: Home
) -> None:
    words = ("device", "run", folder.thing, "--config", str(config))
    done = tidectl(*words, home=shared_home.path)
    assert done.code == 2
    assert "are for --count" in done.err


class Interrupted(threading.Thread):
    """Waits; before line number `at` of the wait, `set` runs in this thread, as in a handler."""

    def __init__(self, asked: _Asked, at: int) -> None:
        super().__init__(daemon=True)
        self._asked, self._at = asked, at
        self.lines = 0
        self.is_told: bool | None = None

    def run(self) -> None:
        sys.settrace(self._trace)
        self.is_told = self._asked.wait(1.0)
        sys.settrace(None)

    def _trace(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self._at:
                sys.settrace(None)
                self._asked.set()
        return self._trace


def test_a_signal_may_come_at_any_moment_of_the_wait_for_it() -> None:
    for at in count(1):
        waiting = Interrupted(_Asked(), at)
        waiting.start()
        waiting.join(10.0)
        assert not waiting.is_alive(), f"stuck at line {at}"
        if waiting.lines < at:
            break  # it ended before
        assert waiting.is_told
    assert at > 3
