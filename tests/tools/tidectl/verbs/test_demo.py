"""`tidectl demo` runs the whole line in a process of its own and leaves nothing running."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tidectl.audit import Verdict
from tidectl.demo import BOARDS, HOST_THING, Report

SETUP_S_MAX = 60.0


def demo(home: Path, *arguments: str) -> list[str]:
    """Return the command line of a demo in `home`."""
    return [sys.executable, "-m", "tidectl", "--home", str(home), "demo", *arguments]


def running_in(home: Path) -> list[str]:
    """Return the command lines of the processes that name `home`."""
    lines = [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    ]
    return [line for line in lines if str(home) in line]


def test_everything_sent_is_stored_and_nothing_runs_on(tmp_path: Path) -> None:
    for seconds in (4, 1):  # the second finds the things of the first
        command = demo(tmp_path, "--seconds", str(seconds), "--json")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout.splitlines()[-1])
        assert document["things"] == BOARDS + 1
        assert document["samples_sent"] == document["samples_stored"] >= BOARDS * 3 * seconds
        assert (document["lost"], document["duplicated"]) == (0, 0)
        assert document["latency_ms"]["samples"] == document["samples_stored"]
        assert 0 < document["latency_ms"]["p50"] <= document["latency_ms"]["p99"]
        assert document["by_thing"][HOST_THING]["sent"] >= seconds - 1
        assert running_in(tmp_path) == [], seconds


def test_a_demo_that_is_told_to_end_reports_and_leaves_nothing_running(tmp_path: Path) -> None:
    process = subprocess.Popen(
        demo(tmp_path, "--seconds", "600", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    deadline = time.monotonic() + SETUP_S_MAX
    for line in process.stderr:
        assert time.monotonic() < deadline
        if "samples taken" in line:
            break
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=SETUP_S_MAX)
    assert process.returncode == 0, err
    document = json.loads(out.splitlines()[-1])
    assert (document["lost"], document["duplicated"]) == (0, 0)
    assert document["seconds"] < 60
    assert running_in(tmp_path) == []


def test_a_gateway_adds_its_things_and_one_key_and_changes_no_other() -> None:
    sent, latencies = {"demo-1": 3, HOST_THING: 1}, [5, 7]
    verdict = Verdict()
    plain = Report(1.0, 2.0, sent, sent, latencies, verdict, None).document()
    parts = {"demo-gateway:modbus": 4, "demo-gateway:opcua": 9}
    with_gateway = Report(1.0, 2.0, sent, sent, latencies, verdict, None, parts).document()
    assert with_gateway.pop("gateway") == {"thing": "demo-gateway", "samples_stored": parts}
    assert with_gateway == {**plain, "things": plain["things"] + 2}
