"""`tidectl status`: an answer whatever there is to see."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.publishing import SAMPLES, SITE, START_MS, Publisher
from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.registry import Registry
from tidectl.target import Target, local_target
from tidectl.thing import provision
from tidectl.verbs.status import _ago

EVER = ("--days", "3650")


@pytest.fixture(scope="module")
def reporter(deployed: Target, shared_home: Home) -> str:
    """A thing that reported, whose files are in the shared home."""
    publisher = Publisher(deployed, shared_home, "status-reporter")
    publisher.send([0, 1], measurement="status_climate")
    publisher.entries(2)
    publisher.close()
    return publisher.thing


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Home]:
    """The home of a local cloud in which nothing is deployed."""
    home = Home(tmp_path / "bare")
    facts = LocalProcess(home).start(http_port=0, mqtt_port=0, store_port=0)
    yield home
    psutil.Process(facts.pid).kill()


def test_without_a_local_cloud_it_says_how_to_start_one_and_fails(tidectl: Run) -> None:
    done = tidectl("status")
    assert done.code == 1
    assert "is not running; start it: tidectl up" in done.out
    document = tidectl("status", "--json").json()
    assert (document["running"], document["local"], document["stack"]) == (False, None, None)


def test_without_a_local_cloud_what_is_on_this_machine_is_shown(
    tidectl: Run, deployed: Target, tmp_path: Path
) -> None:
    provision(deployed, Home(tmp_path / "home"), "status-left", site="farm")
    done = tidectl("status")
    assert done.code == 1
    assert "board off, 0 waiting" in done.out
    (thing,) = tidectl("status", "--json").json()["things"]
    assert (thing["thing"], thing["site"], thing["registered"]) == ("status-left", "farm", None)
    assert thing["board"] == {"running": False, "queued_batches": 0}


def test_without_a_stack_it_says_how_to_make_one(tidectl: Run, bare: Home) -> None:
    done = tidectl("status", home=bare.path)
    assert done.code == 0
    assert "not deployed; make it: tidectl up" in done.out
    assert "no things yet: tidectl provision" in done.err
    document = tidectl("status", "--json", home=bare.path).json()
    assert document["running"]
    assert document["local"]["memory_bytes"] > 10_000_000
    assert (document["stack"], document["things"]) == (None, [])


def test_a_stack_that_was_taken_back_is_shown_with_its_state(tidectl: Run, bare: Home) -> None:
    facts = LocalProcess(bare).facts()
    assert facts
    iot = local_target(facts).client("iot")
    iot.create_topic_rule(
        ruleName="tidegauge_telemetry", topicRulePayload={"sql": "SELECT * FROM 'x'", "actions": []}
    )
    assert tidectl("deploy", home=bare.path).code == 1
    done = tidectl("status", home=bare.path)
    assert done.code == 0
    assert "ROLLBACK_COMPLETE" in done.out


def test_what_runs_and_what_is_deployed_is_shown(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    done = tidectl("status", home=shared_home.path)
    assert done.code == 0, done.err
    assert deployed.local
    for text in (
        f"process {deployed.local.pid}",
        deployed.local.http_url,
        f"{deployed.local.mqtt_host}:{deployed.local.mqtt_port}",
        deployed.local.store_url,
        "_COMPLETE",
        "engine influxdb",
        deployed.stack_outputs()["QueryUrl"],
    ):
        assert text in done.out, text


def test_each_thing_is_shown_with_what_it_reported(
    tidectl: Run, shared_home: Home, reporter: str
) -> None:
    done = tidectl("status", *EVER, home=shared_home.path)
    assert done.code == 0, done.err
    (line,) = [line for line in done.out.splitlines() if reporter in line]
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells[:6] == [reporter, SITE, "files", "status_climate", str(2 * SAMPLES), "2"]
    assert cells[6].endswith("days ago")
    document = tidectl("status", *EVER, "--json", home=shared_home.path).json()
    (thing,) = [item for item in document["things"] if item["thing"] == reporter]
    assert (thing["registered"], thing["here"], thing["board"]) == (True, True, None)
    assert thing["reports"] == [
        {
            "thing": reporter,
            "measurement": "status_climate",
            "sites": [SITE],
            "batches": 2,
            "samples": 2 * SAMPLES,
            "last_sample_at_ms": START_MS + (2 * SAMPLES - 1) * 1_000,
        }
    ]


def test_a_thing_that_did_not_report_lately_is_shown_without_samples(
    tidectl: Run, shared_home: Home, reporter: str
) -> None:
    document = tidectl("status", "--days", "0.001", "--json", home=shared_home.path).json()
    (thing,) = [item for item in document["things"] if item["thing"] == reporter]
    assert thing["reports"] == []


def test_a_thing_from_elsewhere_is_shown_by_what_it_stored(
    tidectl: Run, shared_home: Home, deployed: Target, tmp_path: Path
) -> None:
    publisher = Publisher(deployed, Home(tmp_path / "elsewhere"), "status-elsewhere")
    publisher.send([0], measurement="status_elsewhere")
    publisher.entries(1)
    publisher.close()
    Registry(deployed)._iot.create_thing(thingName="status-silent")
    document = tidectl("status", *EVER, "--json", home=shared_home.path).json()
    (thing,) = [item for item in document["things"] if item["thing"] == "status-elsewhere"]
    assert (thing["site"], thing["here"], thing["registered"]) == (SITE, False, True)
    assert "status-silent" in document["silent"]
    assert "are registered and stored nothing" in tidectl("status", home=shared_home.path).err


def test_a_thing_that_the_registry_forgot_is_pointed_at(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    folder = provision(deployed, shared_home, "status-forgotten", board=False)
    registry = Registry(deployed)
    registry.revoke("status-forgotten", folder.facts()["certificate_arn"])
    registry._iot.delete_thing(thingName="status-forgotten")
    done = tidectl("status", home=shared_home.path)
    (line,) = [line for line in done.out.splitlines() if "status-forgotten" in line]
    assert "not registered; files" in line


def test_things_of_another_cloud_are_left_out(
    tidectl: Run, shared_home: Home, deployed: Target, tmp_path: Path
) -> None:
    elsewhere = Target("aws", deployed.session, deployed.local)
    provision(elsewhere, Home(tmp_path / "home"), "status-aws", board=False)
    assert tidectl("status", "--json").json()["things"] == []
    things = tidectl("status", "--json", home=shared_home.path).json()["things"]
    assert "status-aws" not in {thing["thing"] for thing in things}


def test_a_store_that_can_not_be_asked_is_a_trouble_beside_the_rest(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    functions = deployed.client("lambda")
    name = deployed.stack_outputs()["QueryFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]
    elsewhere = {"Variables": {**before["Variables"], "STORE_URL": "http://127.0.0.1:9"}}
    functions.update_function_configuration(FunctionName=name, Environment=elsewhere)
    try:
        done = tidectl("status", home=shared_home.path)
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=before)
    assert done.code == 0
    assert "the store can't be asked" in done.err
    assert "_COMPLETE" in done.out


@pytest.mark.parametrize("days", ["0", "-1", "x"])
def test_a_span_that_is_none_is_wrong_use(days: str, tidectl: Run) -> None:
    assert tidectl("status", "--days", days).code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "120 min ago"),
     (7200, "2 h ago"), (172_800, "2 days ago"), (-5, "in 5 s")],
)  # fmt: skip
def test_an_instant_is_told_in_the_largest_unit_that_says_two_or_more(
    seconds: int, text: str
) -> None:
    assert _ago(1_000_000 - seconds * 1000, 1_000_000) == text
