"""`tidectl device`: what is there, and the real firmware until it is told to end."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.mock_board import MockBoard
from tests.tools.tidectl.test_firmware_image import QUEUED, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl import firmware_image
from tidectl.home import Home
from tidectl.simulated_board import SimulatedBoard
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision

# Quick, so that a second holds something.
SETTINGS = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 50}],
    "batch": {"age_ms_max": 200},
    "outbox": {"sync_batches": 1},
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


def test_the_list_has_things_with_what_waits_in_their_flash(tidectl: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = make_thing(home, "board-1")
    firmware_image.save_image(
        folder.image_path, with_outbox(folder.image_path.read_bytes(), **QUEUED)
    )
    make_thing(home, "board-2").image_path.unlink()
    done = tidectl("device", "list", "--json").json()
    assert isinstance(done["ports"], list)
    first, second = done["things"]
    assert (first["thing"], first["board"], first["queued_batches"]) == ("board-1", "off", 2)
    assert (second["board"], second["queued_batches"]) == ("none", None)
    shown = tidectl("device", "list")
    assert shown.code == 0
    assert "board-1" in shown.out


def test_an_empty_list_says_how_to_begin(tidectl: Run) -> None:
    done = tidectl("device", "list")
    assert done.code == 0
    assert "tidectl provision makes one" in done.err


def test_a_things_facts_are_its_counters_its_certificate_and_never_its_key(
    tidectl: Run, tmp_path: Path
) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    outbox = {"4.boots": b"", **QUEUED}
    firmware_image.save_image(
        folder.image_path, with_outbox(folder.image_path.read_bytes(), **outbox)
    )
    done = tidectl("device", "info", "board-1", "--json")
    facts = done.json()
    assert (facts["boot"], facts["next_sequence"], facts["queued_batches"]) == (4, 9, 2)
    assert facts["dropped_samples"] == 3
    assert facts["valid_from"] < facts["valid_until"]
    assert facts["measurements"] == "climate (bme280)"
    shown = tidectl("device", "info", "board-1")
    assert re.search(r"^next sequence +9$", shown.out, re.MULTILINE)
    assert folder.key_path.read_bytes().hex() not in done.out + shown.out


def test_the_facts_of_a_port_are_its_chips(tidectl: Run, tmp_path: Path) -> None:
    with MockBoard(tmp_path, "esp32s3") as board:
        facts = tidectl("device", "info", board.port, "--json").json()
    assert (facts["chip"], facts["board"], facts["flash_bytes"]) == (
        "ESP32-S3",
        "esp32-s3",
        4 << 20,
    )
    assert facts["micropython"].endswith("ESP32_GENERIC_S3/")


@pytest.mark.parametrize(
    ("name", "told"),
    [("nobody", "there is no thing nobody here"), ("/dev/nope", "Could not open /dev/nope")],
)
def test_facts_of_what_is_not_there_are_one_line(name: str, told: str, tidectl: Run) -> None:
    assert told in tidectl("device", "info", name).complaint()


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
