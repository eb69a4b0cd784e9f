"""Room, ports and clock of this machine."""

import socket
from pathlib import Path

import pytest

from tests.local_cloud import CloudProcess
from tidectl.checks import Verdict
from tidectl.checks.machine import clock_check, is_port_free, machine, port_check, room_check
from tidectl.home import Home

DAY_S = 86_400.0


def test_every_subject_is_looked_at_where_there_is_no_home_yet(tmp_path: Path) -> None:
    names = [check.name for check in machine(Home(tmp_path / "not" / "there"))]
    assert names == ["disk", "memory", "port 4566", "port 8883", "port 8181", "clock"]


@pytest.mark.parametrize(
    ("free_bytes", "verdict"),
    [(99, Verdict.FAIL), (100, Verdict.WARN), (999, Verdict.WARN), (1000, Verdict.OK)],
)
def test_little_room_is_a_warning_and_less_a_failure(free_bytes: int, verdict: Verdict) -> None:
    check = room_check("disk", free_bytes, 100, 1000, " free")
    assert check.verdict is verdict
    assert bool(check.mend) is (verdict is not Verdict.OK)


def test_a_port_is_free_ours_or_anothers() -> None:
    assert port_check(8883, is_own=False, is_free=True).found == "free"
    assert port_check(8883, is_own=True, is_free=False).found == "our local cloud's"
    other = port_check(8883, is_own=False, is_free=False)
    assert other.verdict is Verdict.WARN
    assert other.mend.startswith("tidectl up --mqtt-port 0")


def test_a_port_is_found_in_use_and_free_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        assert not is_port_free(port)
    assert is_port_free(port)


def test_the_ports_of_our_own_local_cloud_are_known(local_cloud: CloudProcess) -> None:
    assert not is_port_free(local_cloud.facts["mqtt_port"])


def test_a_clock_before_this_program_was_written_fails() -> None:
    written_s = 1_790_000_000.0
    assert clock_check(written_s + DAY_S, written_s).verdict is Verdict.OK
    assert clock_check(written_s - 0.5 * DAY_S, written_s).verdict is Verdict.OK
    check = clock_check(0.0, written_s)
    assert check.verdict is Verdict.FAIL
    assert check.found == "1970-01-01 00:00:00 UTC is in the past"
