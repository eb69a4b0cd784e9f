"""Provisioning a core device: least privilege, no credentials, and nothing left of a failure."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.tidectl.conftest import Run
from tidectl.errors import TidectlError
from tidectl.gateway.core_device import classic_config, core_device, lite_config, provision
from tidectl.gateway.core_policy import POLICY_CHARACTERS_MAX, core_policy, role_policy
from tidectl.home import Home
from tidectl.target import Target


def test_a_core_device_is_made_with_its_files_and_nothing_secret_readable(
    deployed: Target, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    device = provision(deployed, home, "core-1", site="plant", group="core-group")
    for path in device.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    facts = device.facts()
    iot = deployed.client("iot")
    assert iot.list_things_in_thing_group(thingGroupName="core-group")["things"] == ["core-1"]
    (principal,) = iot.list_thing_principals(thingName="core-1")["principals"]
    assert principal == facts["certificate_arn"]
    policies = iot.list_attached_policies(target=principal)["policies"]
    assert [one["policyName"] for one in policies] == ["tidegauge-core-core-1"]
    alias = iot.describe_role_alias(roleAlias=facts["role_alias"])["roleAliasDescription"]
    assert alias["roleArn"].endswith("role/tidegauge-core-device")
    everything = "".join(path.read_text() for path in device.path.iterdir())
    assert "AKIA" not in everything
    assert "aws_secret" not in everything
    assert (device.path / "root.pem").read_bytes().endswith(b"\n")
    classic = yaml.safe_load((device.path / "classic.yaml").read_text())
    assert classic == classic_config(facts)
    assert classic["system"]["rootpath"] == "/greengrass/v2"
    lite = yaml.safe_load((device.path / "lite.yaml").read_text())
    assert lite == lite_config(facts)
    assert lite["system"]["rootPath"] == "/var/lib/greengrass"
    with pytest.raises(TidectlError, match="exists already"):
        provision(deployed, home, "core-1", site="plant", group="core-group")
    with pytest.raises(TidectlError, match="there is a thing core-1 already"):
        provision(deployed, Home(tmp_path / "other"), "core-1", site="x", group="core-group")


def test_a_device_that_has_not_reported_is_shown_as_silent(
    tidectl: Run, deployed: Target, shared_home: Home
) -> None:
    provision(deployed, shared_home, "core-silent", site="plant", group="core-group")
    done = tidectl("gateway", "status", "--cloud", "--json", home=shared_home.path)
    told = {one["device"]: one["status"] for one in done.json()["devices"]}
    assert told["core-silent"] == "SILENT"
    shown = tidectl("gateway", "status", "--cloud", home=shared_home.path)
    assert "core-silent" in shown.out
    assert "reach the cloud?" in shown.err


def test_a_failure_leaves_nothing(deployed: Target, tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "core-2").write_text("in the way")
    with pytest.raises(TidectlError, match="can't write"):
        provision(deployed, home, "core-2", site="plant", group="core-group")
    things = deployed.client("iot").list_things_in_thing_group(thingGroupName="core-group")
    assert "core-2" not in things["things"]
    (tmp_path / "gateways" / "core-2").unlink()
    assert provision(deployed, home, "core-2", site="plant", group="core-group").facts()


def test_names_that_greengrass_does_not_take_are_refused(tidectl: Run, shared_home: Home) -> None:
    for words in (("a:b",), ("core-3", "--group", "a:b")):
        done = tidectl("gateway", "provision", *words, home=shared_home.path)
        assert "colon" in done.complaint()
    assert not core_device(shared_home, "core-3").path.exists()


def test_the_policies_name_one_device_one_stream_and_one_prefix() -> None:
    policy = json.loads(core_policy("eu-west-1", "123456789012", "plant-1", "alias"))
    for statement in policy["Statement"]:
        for resource in _listed(statement["Resource"]):
            greengrass = all(one.startswith("greengrass:") for one in _listed(statement["Action"]))
            assert greengrass or "plant-1" in resource or resource.endswith("rolealias/alias")
            assert greengrass or not resource.endswith(("things/*", "client/*", "topic/*"))
    role = json.loads(role_policy("eu-west-1", "123456789012", "stream-x", "bucket-x"))
    for statement in role["Statement"]:
        assert "*" not in _listed(statement["Resource"])
        for action in _listed(statement["Action"]):
            assert "*" not in action
    longest = core_policy("ap-southeast-2", "123456789012", "n" * 64, "tidegauge-core-device")
    assert len(longest) <= POLICY_CHARACTERS_MAX
    with pytest.raises(TidectlError, match="characters, AWS takes 2048"):
        core_policy("ap-southeast-2", "123456789012", "n" * 64, "a" * 500)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
