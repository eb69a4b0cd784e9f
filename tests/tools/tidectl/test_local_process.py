"""The local cloud's process: started once, found again, ended in good order."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.local_cloud import wait_for
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.local_process import LocalFacts, LocalProcess


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def process(home: Home) -> Iterator[LocalProcess]:
    """Ends what a test started."""
    process = LocalProcess(home)
    yield process
    if facts := process.facts():
        psutil.Process(facts.pid).kill()


def start(process: LocalProcess) -> LocalFacts:
    return process.start(http_port=0, mqtt_port=0, store_port=0)


def test_it_is_started_once_and_found_until_it_ends(process: LocalProcess, home: Home) -> None:
    assert process.facts() is None
    assert process.stop() is False
    facts = start(process)
    assert start(process) == LocalProcess(home).facts() == facts
    assert os.getsid(facts.pid) == facts.pid  # it outlives the terminal
    assert stat.S_IMODE(home.local_log.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.local_state.stat().st_mode) == 0o700
    with socket.create_connection(("127.0.0.1", facts.http_port), timeout=5):
        pass
    assert process.stop() is True
    assert process.facts() is None
    assert not psutil.pid_exists(facts.pid) or psutil.Process(facts.pid).status() == "zombie"


def test_a_killed_one_is_not_taken_for_running_and_starts_again(
    process: LocalProcess, home: Home
) -> None:
    facts = start(process)
    os.kill(facts.pid, signal.SIGKILL)
    wait_for("it is gone", lambda: process.facts() is None)
    assert (home.local_state / "local.json").exists()  # what it left says nothing
    assert process.stop() is False
    again = start(process)
    assert again.pid != facts.pid
    assert again.http_url == facts.http_url  # the deployed stack names its ports


def test_a_number_that_another_program_has_by_now_is_not_ours(
    process: LocalProcess, home: Home
) -> None:
    home.make(home.local_state)
    document = {
        "pid": os.getpid(), "http_url": "http://127.0.0.1:1", "mqtt_host": "127.0.0.1",
        "mqtt_port": 2, "store_url": "http://127.0.0.1:3", "ca_path": "", "region": "us-east-1",
        "account": "0",
    }  # fmt: skip
    (home.local_state / "local.json").write_text(json.dumps(document))
    assert process.facts() is None
    assert process.stop() is False


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}'])
def test_a_damaged_local_json_means_that_none_is_running(
    text: str, process: LocalProcess, home: Home
) -> None:
    home.make(home.local_state)
    (home.local_state / "local.json").write_text(text)
    assert process.facts() is None


def test_a_port_in_use_is_told_with_its_number_and_a_way_out(process: LocalProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TidectlError, match=f"can't start: port {port} is in use") as caught:
            process.start(http_port=0, mqtt_port=port, store_port=0)
    assert "--mqtt-port 0" in caught.value.hint
    assert process.facts() is None


def test_a_start_that_fails_tells_the_reason_of_this_start(
    process: LocalProcess, home: Home
) -> None:
    home.make(home.path)
    home.local_log.write_text("tidelocal: of another day\n")
    home.make(home.local_state)
    (home.local_state / "lock").mkdir()  # nothing can lock that
    with pytest.raises(TidectlError) as caught:
        start(process)
    assert "can't keep state" in str(caught.value)
    assert "another day" not in str(caught.value)
    assert str(home.local_log) in caught.value.hint
