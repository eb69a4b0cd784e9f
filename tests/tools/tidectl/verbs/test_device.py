"""`tidectl device run`: the real firmware, until it is told to end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl import firmware_image
from tidectl.home import Home
from tidectl.simulated_board import SimulatedBoard
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision

# Quick, so that a second holds something.
SETTINGS = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 50}],
    "batch": {"age_ms_max": 200},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500},
    "clock": {"sntp_host": None},
}
END_S_MAX = 40.0


@pytest.fixture(scope="module")
def folder(deployed: Target, shared_home: Home) -> ThingFolder:
    return provision(deployed, shared_home, "device-1", settings=SETTINGS)


@pytest.fixture
def running(folder: ThingFolder, shared_home: Home) -> Iterator[subprocess.Popen[str]]:
    """`tidectl device run` in a process of its own, with its lines."""
    command = [sys.executable, "-m", "tidectl", "--home", str(shared_home.path)]
    process = subprocess.Popen(
        [*command, "device", "run", folder.thing, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


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


def test_people_get_a_line_for_each_step_and_no_answer(
    tidectl: Run, folder: ThingFolder, shared_home: Home
) -> None:
    done = tidectl("device", "run", folder.thing, "--seconds", "2", home=shared_home.path)
    assert done.code == 0, done.err
    assert done.out == ""
    assert "waiting 0 batches" in done.err.splitlines()[-1]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(
    end: signal.Signals, running: subprocess.Popen[str]
) -> None:
    assert running.stdout
    for line in running.stdout:
        if json.loads(line)["acknowledged"] > 0:
            break
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
    _turn_away(folder)
    done = tidectl("device", "run", "device-2", "--seconds", "2", home=shared_home.path)
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


def _turn_away(folder: ThingFolder) -> None:
    """Point the board at a port where no one listens."""
    config = json.loads(folder.config_path.read_bytes())
    config["broker"]["port"] = 9
    firmware_image.update_image(
        folder.image_path,
        config,
        folder.certificate_path.read_bytes(),
        folder.key_path.read_bytes(),
        folder.root_path.read_bytes(),
    )
