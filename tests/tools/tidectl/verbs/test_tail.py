"""`tidectl tail` shows samples as they arrive, on a process of its own as users run it."""

import json
import select
import subprocess
import sys
from collections.abc import Callable

from tests.tools.tidectl.conftest import Done
from tests.tools.tidectl.publishing import SAMPLES, SITE, Publisher
from tidectl.home import Home
from tidectl.target import Target


def tail(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    """Start it."""
    command = [sys.executable, "-m", "tidectl", "--home", str(home.path), "tail", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def test_samples_are_shown_as_they_arrive(deployed: Target, shared_home: Home) -> None:
    publisher = Publisher(deployed, shared_home, "tailed")
    process = tail(shared_home, "tide", "--thing", "tailed", "--json")
    assert process.stdout
    sequence = 0
    while not select.select([process.stdout], [], [], 1.0)[0]:  # until it has begun to follow
        publisher.send([sequence], measurement="tide")
        sequence += 1
        assert sequence < 40, "it shows nothing"
    rows = [json.loads(process.stdout.readline()) for _ in range(SAMPLES)]
    process.terminate()
    process.communicate()
    publisher.close()
    for row in rows:
        assert list(row) == ["time", "site", "thing", "temperature_c"]
        assert (row["site"], row["thing"]) == (SITE, "tailed")


def test_what_is_no_measurement_is_wrong_use(
    tidectl: Callable[..., Done], shared_home: Home
) -> None:
    done = tidectl("tail", 'climate"; --', home=shared_home.path)
    assert done.code == 2
    assert "MEASUREMENT" in done.err


def test_an_unknown_measurement_is_said_and_waited_for(
    tidectl: Callable[..., Done], shared_home: Home
) -> None:
    done = tidectl("tail", "never_measured", "--seconds", "0.2", home=shared_home.path)
    assert done.code == 0
    assert "nothing of never_measured is stored yet" in done.err
    assert done.out == ""
