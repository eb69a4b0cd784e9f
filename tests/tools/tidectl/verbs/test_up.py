"""`tidectl up` and `tidectl down`: the local cloud, started once and ended in good order."""

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.local_process import LocalProcess

FREE = ("--http-port", "0", "--mqtt-port", "0", "--store-port", "0")


@pytest.fixture(autouse=True)
def ended(tmp_path: Path) -> Iterator[None]:
    """End what a failed test left running."""
    yield
    facts = LocalProcess(Home(tmp_path / "home")).facts()
    if facts:
        psutil.Process(facts.pid).kill()


def test_up_starts_and_deploys_once_and_down_keeps_all_of_it(tidectl: Run) -> None:
    first = tidectl("up", *FREE, "--json")
    assert first.code == 0, first.err
    document = first.json()
    assert document["changes"] > 20
    assert psutil.pid_exists(document["pid"])
    assert "local cloud started" in first.err

    second = tidectl("up", *FREE)
    assert second.code == 0
    assert f"runs already, process {document['pid']}" in second.err
    assert "stack deployed, 0 resources changed" in second.err
    assert document["http_url"] in second.err
    assert second.out == ""

    down = tidectl("down")
    assert (down.code, down.err) == (0, "local cloud ended\n")
    again = tidectl("up", *FREE, "--json").json()
    assert again["changes"] == 0
    assert again["http_url"] == document["http_url"]
    assert tidectl("down").code == 0


def test_down_without_a_local_cloud_says_so_and_is_no_failure(tidectl: Run) -> None:
    done = tidectl("down")
    assert (done.code, done.err) == (0, "no local cloud is running\n")


def test_a_port_in_use_is_one_line_with_a_way_out(tidectl: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = tidectl("up", *FREE, "--store-port", port)
    assert f"port {port} is in use" in done.complaint()
    assert "tidectl up --http-port 0" in done.err


def test_a_home_that_can_not_be_made_is_one_line_with_a_way_out(
    tidectl: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = tidectl("up", *FREE, home=tmp_path / "file" / "home")
    assert "can't make" in done.complaint()
    assert "--home" in done.err
