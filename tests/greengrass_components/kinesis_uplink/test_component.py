"""The component as a process, from outboxes of other components to an endpoint, either way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.greengrass_components.tidegate.kinesis.endpoint import Endpoint, Faults
from tests.greengrass_components.tidegate.test_outbox import START_MS, stream
from tests.greengrass_components.tidegate.test_uplink import sequences
from tests.local_cloud import ROOT, wait_for
from tidegate.kinesis.uplink_settings import NAMES, read_uplink_settings
from tidegate.outbox import Outbox, OutboxSettings
from tidegate.segment_log import Sync

COMPONENTS = ROOT / "greengrass_components"
END_S_MAX = 15.0


class Process:
    """A component's `main.py` in a folder of its own, as a nucleus starts it."""

    def __init__(self, name: str, folder: Path, endpoint: str, *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "log.txt"
        environment = {name: value for name, value in os.environ.items() if "AWS" not in name}
        environment |= {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "AWS_IOT_THING_NAME": "gw-1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, str(COMPONENTS / name / "main.py"), *arguments],
            cwd=folder, env=environment, stdout=self.log_path.open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self) -> int:
        """End it in good order and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(END_S_MAX)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        return self._process.wait(END_S_MAX)

    def log(self) -> str:
        return self.log_path.read_text()


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for process in started:
        process.kill()


def configuration(folder: Path, **settings: Any) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "configuration.yaml"
    path.write_text(json.dumps({"stream": "tidegauge", **settings}))
    return str(path)


def adapter(work: Path, name: str, thing: str) -> Outbox:
    """An outbox as an adapter component leaves it in its work folder."""
    box = Outbox(work / name / "outbox", OutboxSettings(sync=Sync.EACH))
    append(box, thing, 0, 100)
    return box


def append(box: Outbox, thing: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        box.append(stream(thing), START_MS + number * 1_000, (number / 10, number, True))
    box.maintain(flush=True)


def arrived(endpoint: Endpoint) -> dict[str, set[int]]:
    return {thing: set(given) for thing, given in sequences(endpoint).items()}


def test_outboxes_of_other_components_are_found_carried_and_let_go(
    tmp_path: Path, processes: list[Process]
) -> None:
    work = tmp_path / "work"
    modbus = adapter(work, "io.tidegauge.Modbus", "gw-1:modbus")
    own = work / "io.tidegauge.KinesisUplink"
    settings = configuration(own, via="kinesis", linger_ms="50", stream_manager={"port": 9})
    with Endpoint(Faults(throttle=0.3, fail=0.1)) as endpoint:
        uplink = Process("kinesis_uplink", own, endpoint.url, "--configuration", settings)
        processes.append(uplink)
        wait_for("the first outbox", lambda: "gw-1:modbus" in arrived(endpoint))
        late = adapter(work, "io.tidegauge.Opcua", "gw-1:opcua")
        append(modbus, "gw-1:modbus", 100, 100)
        expected = {"gw-1:modbus": {0, 1}, "gw-1:opcua": {0}}
        wait_for("all", lambda: arrived(endpoint) == expected, within_s=20.0)
        assert uplink.end() == 0
        boxes = (modbus, late)
        for box in boxes:
            box.maintain()
            assert box.batches.waiting("kinesis") == 0
        # After its end it goes on where it was, and repeats nothing.
        before = len(endpoint.taken)
        append(late, "gw-1:opcua", 100, 10)
        again = Process("kinesis_uplink", own, endpoint.url, "--configuration", settings)
        processes.append(again)
        wait_for("the rest", lambda: arrived(endpoint)["gw-1:opcua"] == {0, 1}, within_s=20.0)
        assert again.end() == 0
        assert len(endpoint.taken) == before + 1
        for box in boxes:
            box.close()


def test_by_stream_manager_records_pass_its_file_and_reach_kinesis(
    tmp_path: Path, processes: list[Process]
) -> None:
    work = tmp_path / "work"
    box = adapter(work, "io.tidegauge.Modbus", "gw-1:modbus")
    own, manager = work / "io.tidegauge.KinesisUplink", work / "io.tidegauge.StreamManager"
    with Endpoint() as endpoint:
        facts = manager / "facts.json"
        arguments = ("--port", "0", "--facts", str(facts), "--no-nucleus")
        processes.append(Process("stream_manager", manager, endpoint.url, *arguments))
        wait_for("the stream manager", facts.exists)
        port = json.loads(facts.read_text())["port"]
        settings = configuration(own, linger_ms="50", stream_manager={"port": str(port)})
        uplink = Process("kinesis_uplink", own, endpoint.url, "--configuration", settings)
        processes.append(uplink)
        wait_for("all", lambda: arrived(endpoint) == {"gw-1:modbus": {0}}, within_s=20.0)
        assert "puts by stream manager stream=tidegauge" in uplink.log()
        assert uplink.end() == 0
    box.maintain()
    assert box.batches.waiting("kinesis") == 0
    box.close()


def test_records_go_directly_where_the_stream_manager_stays_away(
    tmp_path: Path, processes: list[Process]
) -> None:
    work = tmp_path / "work"
    box = adapter(work, "io.tidegauge.Modbus", "gw-1:modbus")
    own, manager = work / "io.tidegauge.KinesisUplink", tmp_path / "elsewhere"
    with Endpoint() as endpoint:
        facts = manager / "facts.json"
        arguments = ("--port", "0", "--facts", str(facts), "--no-nucleus")
        streams = Process("stream_manager", manager, endpoint.url, *arguments)
        processes.append(streams)
        wait_for("the stream manager", facts.exists)
        reach = {
            "port": json.loads(facts.read_text())["port"],
            "token_file": str(manager / "token"), "absent_s_max": 1,
        }  # fmt: skip
        settings = configuration(own, linger_ms="50", stream_manager=reach)
        uplink = Process("kinesis_uplink", own, endpoint.url, "--configuration", settings)
        processes.append(uplink)
        wait_for("the first", lambda: arrived(endpoint) == {"gw-1:modbus": {0}}, within_s=20.0)
        assert streams.end() == 0
        (manager / "token").unlink()
        manager.rename(tmp_path / "removed")
        append(box, "gw-1:modbus", 100, 100)
        wait_for("all", lambda: arrived(endpoint) == {"gw-1:modbus": {0, 1}}, within_s=20.0)
        assert "no stream manager for 1 s: looks for a way anew" in uplink.log()
        assert "puts directly" in uplink.log()
        assert uplink.end() == 0
    box.close()


def test_a_wrong_configuration_ends_it_with_all_mistakes_told(
    tmp_path: Path, processes: list[Process]
) -> None:
    settings = configuration(tmp_path, via="pigeon", linger_ms="soon", gateway="a:b", speed=1)
    uplink = Process("kinesis_uplink", tmp_path, "http://127.0.0.1:9", "--configuration", settings)
    processes.append(uplink)
    assert uplink.wait() == 2
    for mistake in (
        "via is 'pigeon'",
        "linger_ms is 'soon'",
        "has no colon",
        "speed is no setting",
    ):
        assert mistake in uplink.log()


def test_the_recipe_has_the_settings_that_the_program_reads() -> None:

    recipe = yaml.safe_load((COMPONENTS / "kinesis_uplink" / "recipe.yaml").read_text())
    defaults = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    defaults.pop("accessControl")
    assert set(defaults) <= set(NAMES)
    settings = read_uplink_settings(defaults, {"AWS_IOT_THING_NAME": "gw", "AWS_REGION": "r"})
    assert (settings.gateway, settings.stream, settings.limits.linger_ms) == (
        "gw",
        "tidegauge",
        1000,
    )


def test_it_starts_in_less_memory_than_a_java_machine(
    tmp_path: Path, processes: list[Process]
) -> None:
    """What a gateway of 512 MB has for it; boto3 alone would take 59 MB."""
    with Endpoint() as endpoint:
        settings = configuration(tmp_path / "own", via="kinesis")
        uplink = Process(
            "kinesis_uplink", tmp_path / "own", endpoint.url, "--configuration", settings
        )
        processes.append(uplink)
        wait_for("its start", lambda: "puts directly" in uplink.log())
        status = Path(f"/proc/{uplink._process.pid}/status").read_text()
        rss_kb = int(status.split("VmRSS:")[1].split()[0])
        assert rss_kb < 45_000
        assert uplink.end() == 0
