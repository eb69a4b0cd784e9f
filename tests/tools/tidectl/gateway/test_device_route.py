"""Deployment by ssh: the command lines, and what is said when something is missing."""

import json
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Done, Run
from tests.tools.tidectl.gateway.probe import NAME, write_probe
from tests.tools.tidectl.gateway.ssh_stand_in import make_device
from tidectl.errors import TidectlError
from tidectl.gateway import device_route
from tidectl.gateway.device_facts import look
from tidectl.gateway.device_route import classic_command, lite_command
from tidectl.gateway.device_shell import DeviceShell
from tidectl.gateway.package import Package
from tidegate.nucleus.recipe import load_recipe


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    original = device_route.DeviceRoute.__init__
    monkeypatch.setattr(original, "__kwdefaults__", {"poll_s": 0.01})


def _deploy(tidectl: Run, root: Path, ssh: Path, *options: str) -> Done:
    folder = write_probe(root / "probe")
    return tidectl(
        "gateway", "deploy", str(folder), "--local", "device", "--ssh", str(ssh), *options
    )


def _calls(root: Path) -> list[list[str]]:
    return [json.loads(line) for line in (root / "device" / "calls.jsonl").read_text().splitlines()]


def test_the_classic_nucleus_is_told_by_greengrass_cli(tidectl: Run, tmp_path: Path) -> None:
    ssh = make_device(tmp_path / "device", "classic")
    done = _deploy(tidectl, tmp_path, ssh, "--set", "site=plant2", "--json")
    assert done.code == 0, done.err
    assert done.json()["components"] == {NAME: "SUCCEEDED"}
    create, status = _calls(tmp_path)[:2]
    folder = tmp_path / "device" / "deployment"
    assert create == [
        "deployment", "create", "--recipeDir", f"{folder}/recipes",
        "--artifactDir", f"{folder}/artifacts", "--merge", f"{NAME}=1.0.0",
        "--update-config", '{"io.tidegauge.Probe":{"MERGE":{"site":"plant2"}}}',
        "--failure-handling-policy", "ROLLBACK",
    ]  # fmt: skip
    assert status[:3] == ["deployment", "status", "-i"]
    assert "IN_PROGRESS" in done.err


def test_a_failed_deployment_shows_the_component_s_log(
    tidectl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVICE_END", "FAILED")
    done = _deploy(tidectl, tmp_path, make_device(tmp_path / "device", "classic"))
    assert "the deployment is FAILED" in done.complaint()
    assert f"{NAME}: a line of the component" in done.err


def test_lite_is_told_by_ggl_cli_and_asked_by_systemd(tidectl: Run, tmp_path: Path) -> None:
    ssh = make_device(tmp_path / "device", "lite")
    done = _deploy(tidectl, tmp_path, ssh, "--json")
    assert done.code == 0, done.err
    assert done.json()["components"] == {NAME: "RUNNING"}
    folder = tmp_path / "device" / "deployment"
    assert _calls(tmp_path) == [
        ["deploy", "--recipe-dir", f"{folder}/recipes", "--artifacts-dir", f"{folder}/artifacts",
         "--add-component", f"{NAME}=1.0.0"]
    ]  # fmt: skip


def test_a_broken_component_of_lite_shows_its_journal(
    tidectl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVICE_STATE", "failed")
    done = _deploy(tidectl, tmp_path, make_device(tmp_path / "device", "lite"))
    assert "BROKEN" in done.complaint()
    assert f"{NAME}: ggl.{NAME}.service: a line of the journal" in done.err


def test_lite_gets_its_configuration_as_the_recipe_s_defaults(tidectl: Run, tmp_path: Path) -> None:
    ssh = make_device(tmp_path / "device", "lite")
    done = _deploy(tidectl, tmp_path, ssh, "--set", "site=x", "--set", "probe:deep.y=5")
    assert done.code == 0, done.err
    assert "what the device has set stays" in done.err
    recipe = tmp_path / "device" / "deployment" / "recipes" / f"{NAME}-1.0.0.yaml"
    defaults = load_recipe(recipe).defaults
    assert (defaults["site"], defaults["deep"], defaults["mode"]) == ("x", {"y": 5}, "publish")
    too_long = _deploy(tidectl, tmp_path, ssh, "--set", f"site={'x' * 1100}")
    assert "1024" in too_long.complaint() or "1,024" in too_long.complaint()


def test_what_puts_on_the_stream_is_to_be_told_which(tidectl: Run, tmp_path: Path) -> None:
    ssh = make_device(tmp_path / "device", "classic")
    folder = write_probe(tmp_path / "probe", stream="tidegauge")
    words = ("gateway", "deploy", str(folder), "--local", "device", "--ssh", str(ssh))
    assert f"{NAME} is to be told its stream" in tidectl(*words).complaint()
    assert tidectl(*words, "--set", "stream=mine").code == 0
    create = _calls(tmp_path)[0]
    assert create[create.index("--update-config") + 1] == (
        '{"io.tidegauge.Probe":{"MERGE":{"stream":"mine"}}}'
    )


def test_a_device_that_lacks_something_says_what_to_install(tidectl: Run, tmp_path: Path) -> None:
    done = _deploy(tidectl, tmp_path, make_device(tmp_path / "device"))
    assert "neither" in done.complaint()
    assert "gateway provision" in done.err
    both = tmp_path / "both"
    ssh = make_device(both / "device", "classic", "lite")
    assert "has both nuclei" in _deploy(tidectl, both, ssh).complaint()
    assert _deploy(tidectl, both, ssh, "--nucleus", "classic").code == 0


def test_a_raspberry_pi_without_venv_is_told_so_before_anything_is_copied(tmp_path: Path) -> None:
    root = tmp_path / "device"
    ssh = make_device(root, "lite")
    python = root / "bin" / "python3"
    python.write_text('#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\necho 3.11\n')
    python.chmod(0o755)
    with pytest.raises(TidectlError, match="PEP 668") as caught:
        look(DeviceShell("pi", (str(ssh),)))
    assert caught.value.hint == "ssh pi sudo apt-get install -y python3-venv"


def test_a_device_that_is_away_is_no_traceback(tidectl: Run, tmp_path: Path) -> None:
    ssh = make_device(tmp_path / "device", "classic")
    folder = write_probe(tmp_path / "probe")
    words = ("gateway", "deploy", str(folder), "--local", "unreachable", "--ssh")
    assert "can't be reached: ssh: connect" in tidectl(*words, str(ssh)).complaint()
    assert "there is no /absent/ssh" in tidectl(*words, "/absent/ssh").complaint()


def test_one_route_is_to_be_chosen(tidectl: Run, tmp_path: Path) -> None:
    folder = str(write_probe(tmp_path / "probe"))
    assert tidectl("gateway", "deploy", folder).code == 2
    assert tidectl("gateway", "deploy", folder, "--local", "x", "--cloud").code == 2
    assert "--machine" in tidectl("gateway", "deploy", folder, "--cloud").err


def test_the_command_lines_are_those_of_the_documentation() -> None:
    packages = [Package("a.B", "1.0.0", Path()), Package("a.C", "2.0.0", Path())]
    assert classic_command(packages, {}, folder="/x", roll_back=False) == [
        "sudo", "-n", "/greengrass/v2/bin/greengrass-cli", "deployment", "create",
        "--recipeDir", "/x/recipes", "--artifactDir", "/x/artifacts",
        "--merge", "a.B=1.0.0", "--merge", "a.C=2.0.0", "--failure-handling-policy", "DO_NOTHING",
    ]  # fmt: skip
    assert lite_command(packages, folder="/x") == [
        "sudo", "-n", "ggl-cli", "deploy", "--recipe-dir", "/x/recipes",
        "--artifacts-dir", "/x/artifacts",
        "--add-component", "a.B=1.0.0", "--add-component", "a.C=2.0.0",
    ]  # fmt: skip
