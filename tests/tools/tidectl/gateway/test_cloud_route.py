"""Deployment by the cloud: from the command line to a nucleus of ours, and back when it fails."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_cloud import wait_for
from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.gateway.probe import NAME, write_probe
from tidectl.gateway.cloud_route import CloudRoute
from tidectl.gateway.component_source import find_source
from tidectl.gateway.core_device import CoreDevice, core_device, provision
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.package import link
from tidectl.home import Home
from tidectl.target import Target

GROUP = "cloud-route"


@pytest.fixture(scope="module")
def device(deployed: Target, shared_home: Home) -> Iterator[CoreDevice]:
    """A core device with a nucleus that runs here."""
    device = provision(deployed, shared_home, "cloud-route-1", site="plant", group=GROUP)
    nucleus = LocalNucleus(device.nucleus_root)
    assert deployed.local
    nucleus.start(
        device.settings(
            "lite",
            aws_url=deployed.local.http_url,
            path_prefix=str(Path(sys.executable).parent),
        )
    )
    yield device
    nucleus.stop()


def test_a_group_gets_a_version_and_what_fails_is_taken_back(
    tidectl: Run, device: CoreDevice, shared_home: Home, tmp_path: Path, deployed: Target
) -> None:
    def deploy(folder: Path, *options: str) -> list[str]:
        words = ["gateway", "deploy", str(folder), "--cloud", "--group", GROUP, "--link", "--json"]
        return [*words, *options]

    good = write_probe(tmp_path / "good" / "probe", mode="quiet", stream="of no stack")
    done = tidectl(*deploy(good, "--set", "site=plant7"), home=shared_home.path)
    assert done.code == 0, done.err
    (told,) = done.json()["devices"]
    assert told == {"device": "cloud-route-1", "state": "SUCCEEDED", "why": "", "waits": False}
    nucleus = LocalNucleus(device.nucleus_root)
    (component,) = nucleus.components()
    assert (component["version"], component["state"]) == ("1.0.0", "RUNNING")
    assert component["configuration"]["site"] == "plant7"
    assert component["configuration"]["stream"] == deployed.stack_outputs()["StreamName"]

    bad = write_probe(tmp_path / "bad" / "probe", version="1.1.0", mode="quiet")
    text = (bad / "recipe.yaml").read_text().replace("Script: python3 ", "Script: false ")
    (bad / "recipe.yaml").write_text(text)
    done = tidectl(*deploy(bad), home=shared_home.path)
    assert done.code == 1
    outcome = done.json()
    assert outcome["devices"][0]["state"] == "FAILED"
    assert "install ended with exit code 1" in outcome["devices"][0]["why"]
    assert "rolled_back" in outcome
    (component,) = nucleus.components()
    assert (component["version"], component["state"]) == ("1.0.0", "RUNNING")

    status = tidectl("gateway", "status", "--cloud", "--thing", "cloud-route-1", "--json",
                     home=shared_home.path)  # fmt: skip
    (told,) = status.json()["devices"]
    assert (told["status"], told["runtime"]) == ("HEALTHY", "aws_nucleus_lite")
    assert [one["component"] for one in told["components"]] == [NAME]

    (good / "main.py").write_text("print('changed')\n")
    (good / "new.txt").write_text("new")
    same = tidectl(*deploy(good), home=shared_home.path)
    assert same.code == 0, same.err  # a link names the folder, whose content is not in it


def test_a_device_that_is_off_is_named_and_gets_it_when_it_comes(
    tidectl: Run, shared_home: Home, tmp_path: Path, deployed: Target
) -> None:
    group, thing = "cloud-route-off", "cloud-route-off-1"
    provision(deployed, shared_home, thing, site="plant", group=group)
    folder = str(write_probe(tmp_path / "probe", version="1.2.0", mode="quiet"))
    words = ("gateway", "deploy", folder, "--cloud", "--link", "--group", group, "--json")
    done = tidectl(*words, "--timeout", "0", home=shared_home.path)
    assert done.complaint() == f"not done after 0 s: {thing} (QUEUED)"
    assert "look with tidectl gateway status --cloud" in done.err
    assert done.json()["devices"][0]["waits"]

    status = tidectl("gateway", "status", "--cloud", "--json", home=shared_home.path)
    (told,) = [one for one in status.json()["devices"] if one["device"] == thing]
    deployment = done.json()["deployment"]
    assert told["status"] == "SILENT"
    assert told["pending"] == [{"deployment": deployment, "state": "QUEUED"}]
    people = tidectl("gateway", "status", "--cloud", home=shared_home.path)
    assert f"{thing}: the deployment {deployment} is QUEUED" in people.err


def test_a_tag_map_of_this_machine_goes_along_with_the_configuration(
    tidectl: Run, device: CoreDevice, shared_home: Home, tmp_path: Path
) -> None:
    tags = tmp_path / "mine.yaml"
    tags.write_text(
        "adapter: host\nperiod_ms: 200\ngroups:\n"
        "- {measurement: mine, tags: [{field: cpu_percent, address: cpu_percent}]}\n"
    )
    words = ("gateway", "deploy", "host_metrics", "--cloud", "--link", "--group", GROUP, "--json")
    done = tidectl(*words, "--tag-map", str(tags), home=shared_home.path)
    assert done.code == 0, done.err
    nucleus = LocalNucleus(device.nucleus_root)
    host = "io.tidegauge.HostMetrics"
    wait_for("the map", lambda: "groups=1 tags=1" in nucleus.component_log(host).read_text())
    there = nucleus.root / "work" / host / "tag_map" / "mine.yaml"
    assert there.read_text() == tags.read_text()

    tags.write_text("adapter: host\ngroups: [{measurement: Wrong}]\n")
    wrong = tidectl(*words, "--tag-map", str(tags), home=shared_home.path)
    assert "mine.yaml:2" in wrong.complaint()
    probe = str(write_probe(tmp_path / "probe"))
    nobody = tidectl("gateway", "deploy", probe, "--cloud", "--link", "--tag-map", str(tags),
                     home=shared_home.path)  # fmt: skip
    assert (nobody.code, "none of these components may have one" in nobody.err) == (2, True)


def test_a_group_without_devices_or_a_name_is_told_so(
    tidectl: Run, shared_home: Home, tmp_path: Path, deployed: Target
) -> None:
    folder = str(write_probe(tmp_path / "probe"))
    deployed.client("iot").create_thing_group(thingGroupName="cloud-route-empty")
    words = ("gateway", "deploy", folder, "--cloud", "--link", "--group")
    done = tidectl(*words, "cloud-route-empty", home=shared_home.path)
    assert "has no devices" in done.complaint()
    assert core_device(shared_home, "cloud-route-1").thing == "cloud-route-1"


def test_a_thing_that_another_component_of_the_group_has_is_refused(
    tidectl: Run, shared_home: Home, deployed: Target, tmp_path: Path
) -> None:
    group = "cloud-route-shared"
    CloudRoute(deployed).publish(link(find_source("host_metrics"), tmp_path))
    arn = deployed.client("iot").create_thing_group(thingGroupName=group)["thingGroupArn"]
    deployed.client("greengrassv2").create_deployment(
        targetArn=arn,
        components={
            "io.tidegauge.HostMetrics": {
                "componentVersion": "1.0.0",
                "configurationUpdate": {"merge": '{"thing": "press-1"}'},
            }
        },
    )
    words = ["gateway", "deploy", "modbus_adapter", "--cloud", "--link", "--group", group]
    shared = tidectl(*words, "--set", "thing=press-1", home=shared_home.path)
    assert "press-1 is of io.tidegauge.ModbusAdapter and io.tidegauge.HostMetrics" in (
        shared.complaint()
    )
    alone = tidectl(*words, "--set", "thing=press-1", "--replace", home=shared_home.path)
    assert "has no devices" in alone.complaint()  # so it was not refused
    wrong = tidectl(*words, "--set", "outbox.sync=often", home=shared_home.path)
    assert "outbox.sync is 'often'" in wrong.complaint()
