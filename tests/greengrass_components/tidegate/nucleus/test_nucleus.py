"""The local nucleus: what it starts, what it forgives, and what it takes back."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.nucleus.root import Root, until
from tidegate.ipc import IpcClient, OperationError
from tidegate.nucleus.component import BROKEN, FINISHED, RUNNING
from tidegate.nucleus.component_log import ComponentLog
from tidegate.nucleus.nucleus import Nucleus
from tidegate.nucleus.processes import end_leftovers, leftovers
from tidegate.nucleus.script import Script

FOREVER = "exec sleep 1000"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_components_are_installed_and_run_in_the_order_of_their_needs(root: Root) -> None:
    root.add("b", {"install": "echo b >> ../order", "run": FOREVER}, needs=_needs(a=">=1.0.0"))
    root.add("a", {"install": "echo a >> ../order", "run": FOREVER})

    async def scene(nucleus: Nucleus) -> None:
        done = await root.deploy(nucleus, rootComponentVersionsToAdd={"b": "1.0.0"})
        assert done["status"] == "SUCCEEDED", done
        states = {one["componentName"]: one["state"] for one in nucleus.components()}
        assert states == {"a": RUNNING, "b": RUNNING}

    root.run(scene)
    assert (root.settings.root / "work" / "order").read_text().split() == ["a", "b"]
    assert not list(leftovers(root.settings.socket_path))


def test_scripts_have_the_variables_and_the_environment_of_a_gateway(root: Root) -> None:
    script = (
        'echo "{artifacts:path}|{work:path}|$(pwd)|{kernel:rootPath}|{iot:thingName}|'
        '{configuration:/site}|{configuration:/plc}|$MODE|$AWS_IOT_THING_NAME|$SVCUID|$AWS_REGION"'
    )
    lifecycle = {"Setenv": {"MODE": "x y {configuration:/site}"}, "run": {"Script": script}}
    root.add("a", lifecycle, defaults={"site": "plant1", "plc": {"port": 502}})

    async def scene(nucleus: Nucleus) -> str:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await until(lambda: nucleus.component("a").state == FINISHED)
        return nucleus.component("a").token

    token = root.run(scene)
    line = next(one for one in root.log("a").splitlines() if "[run]" in one)
    base, work = root.settings.root, root.settings.work("a")
    # The shell took the quotes of the object, as it would on a gateway.
    assert line.partition("[run] ")[2].split("|") == [
        str(base / "artifacts/a/1.0.0"), str(work), str(work), str(base), "g1",
        "plant1", "{port:502}", "x y plant1", "g1", token, "us-east-1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lifecycle", "reason"),
    [
        ({"run": "exit 3"}, "run ended with exit code 3"),
        ({"install": "exit 4", "run": FOREVER}, "install ended with exit code 4"),
        (
            {"install": {"Script": "sleep 1000", "Timeout": 0.1}, "run": FOREVER},
            "install took longer than its Timeout",
        ),
        ({"startup": "exit 5"}, "startup ended with exit code 5"),
        ({"run": "echo {configuration:/absent}"}, "no configuration at /absent"),
        ({"run": "echo {iot:other}"}, "is no variable"),
    ],
)
def test_three_errors_break_a_component_and_the_deployment_says_why(
    root: Root, lifecycle: dict[str, Any], reason: str
) -> None:
    root.add("a", lifecycle)

    async def scene(nucleus: Nucleus) -> dict[str, Any]:
        nucleus.deployed.retry_s = 0.01
        request = {"rootComponentVersionsToAdd": {"a": "1.0.0"}}
        done = await root.deploy(nucleus, **request, failureHandlingPolicy="DO_NOTHING")
        await until(lambda: nucleus.component("a").state == BROKEN)
        assert nucleus.component("a").reason.find(reason) >= 0, nucleus.component("a").reason
        return done

    done = root.run(scene)
    assert root.log("a").count("ERRORED: ") == 3
    if lifecycle.get("run") != "exit 3":  # that one has run, which is all a deployment waits for
        assert done["status"] == "FAILED"
        assert reason in done["reason"]


@pytest.mark.parametrize("nucleus_kind", ["classic", "lite"])
def test_a_deployment_clears_broken_and_waits_for_the_new_life(
    tmp_path: Path, nucleus_kind: str
) -> None:
    root = Root(tmp_path, nucleus=nucleus_kind)
    script = 'test "$(cat ../word)" = good || exit 3; exec sleep 1000'
    root.add("a", {"run": script}, defaults={"word": "bad"})
    word = root.settings.root / "work" / "word"
    word.parent.mkdir(exist_ok=True)
    word.write_text("bad")

    async def scene(nucleus: Nucleus) -> None:
        nucleus.deployed.retry_s = 0.01
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await until(lambda: nucleus.component("a").state == BROKEN)
        word.write_text("good")
        update = {"a": {"MERGE": {"word": "good"}}}
        done = await root.deploy(nucleus, componentToConfiguration=update)
        assert done["status"] == "SUCCEEDED", done
        assert (nucleus.component("a").state, nucleus.component("a").reason) == (RUNNING, "")
        assert nucleus.configuration("a", ("word",)) == {"word": "good"}

    root.run(scene)


def test_a_failed_deployment_is_taken_back(root: Root) -> None:
    root.add("a", {"install": "true", "run": FOREVER}, defaults={"x": 1})
    root.add("a", {"install": "exit 1", "run": FOREVER}, "2.0.0", defaults={"x": 2, "y": 3})

    async def scene(nucleus: Nucleus) -> None:
        nucleus.deployed.retry_s = 0.01
        await root.deploy(
            nucleus,
            rootComponentVersionsToAdd={"a": "1.0.0"},
            componentToConfiguration={"a": {"MERGE": {"x": 7}}},
        )
        done = await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "2.0.0"})
        assert done["status"] == "FAILED"
        (component,) = nucleus.components()
        assert (component["version"], component["state"]) == ("1.0.0", RUNNING)
        assert component["configuration"] == {"x": 7}

    root.run(scene)


def test_configuration_is_merged_and_reset_and_outlives_the_nucleus(root: Root) -> None:
    root.add("a", {"run": FOREVER}, defaults={"x": 1, "deep": {"y": 2, "z": 3}})

    async def scene(nucleus: Nucleus) -> None:
        update = {"MERGE": {"deep": {"y": 20}, "extra": True}}
        await root.deploy(
            nucleus,
            rootComponentVersionsToAdd={"a": "1.0.0"},
            componentToConfiguration={"a": update},
        )
        assert nucleus.configuration("a", ("deep",)) == {"y": 20, "z": 3}
        await root.deploy(nucleus, componentToConfiguration={"a": {"RESET": ["/deep/y"]}})
        assert nucleus.configuration("a", ()) == {
            "x": 1, "deep": {"y": 2, "z": 3}, "extra": True,
        }  # fmt: skip

    root.run(scene)

    async def later(nucleus: Nucleus) -> None:
        await until(lambda: nucleus.component("a").state == RUNNING)
        assert nucleus.configuration("a", ("extra",)) == {"extra": True}

    root.run(later)


@pytest.mark.parametrize(("kind", "starts"), [("classic", 1), ("lite", 2)])
def test_new_configuration_restarts_a_component_on_lite_alone(
    tmp_path: Path, kind: str, starts: int
) -> None:
    root = Root(tmp_path, nucleus=kind)
    root.add("a", {"run": FOREVER}, defaults={"x": "1"})

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await root.deploy(nucleus, componentToConfiguration={"a": {"MERGE": {"x": "2"}}})
        assert nucleus.component("a").starts == starts

    root.run(scene)


def test_new_configuration_restarts_who_has_it_in_a_script(root: Root) -> None:
    root.add(
        "a", {"run": "echo {configuration:/x} && exec sleep 1000"}, defaults={"x": "1", "y": 1}
    )

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await root.deploy(nucleus, componentToConfiguration={"a": {"MERGE": {"y": 2}}})
        assert nucleus.component("a").starts == 1
        await root.deploy(nucleus, componentToConfiguration={"a": {"MERGE": {"x": "2"}}})
        assert nucleus.component("a").starts == 2

    root.run(scene)


def test_yaml_of_a_local_deployment_is_text_on_lite(tmp_path: Path) -> None:
    root = Root(tmp_path, nucleus="lite")
    root.add("a", {"run": FOREVER}, defaults={"port": 502, "on": True})

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        assert nucleus.configuration("a", ()) == {"port": "502", "on": "true"}

    root.run(scene)


def test_bad_access_control_fails_a_deployment_on_lite_and_is_ignored_on_classic(
    tmp_path: Path,
) -> None:
    for kind, status in (("classic", "SUCCEEDED"), ("lite", "FAILED")):
        folder = tmp_path / kind
        folder.mkdir()
        root = Root(folder, nucleus=kind)
        root.add("a", {"run": FOREVER}, defaults={"accessControl": {"s": ["junk"]}})

        async def scene(nucleus: Nucleus, root: Root = root) -> dict[str, Any]:
            return await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})

        assert root.run(scene)["status"] == status


def test_what_a_component_says_of_itself_counts(root: Root) -> None:
    root.add("a", {"run": FOREVER, "recover": "echo recovering"})

    async def scene(nucleus: Nucleus) -> None:
        nucleus.deployed.retry_s = 0.01
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        async with IpcClient(root.settings.socket_path, nucleus.component("a").token) as client:
            await client.update_state("RUNNING")
            await client.update_state("ERRORED")
        await until(lambda: nucleus.component("a").starts == 2)
        await until(lambda: nucleus.component("a").state == RUNNING)

    root.run(scene)
    assert "recovering" in root.log("a")


def test_shutdown_runs_before_the_process_is_ended(root: Root) -> None:
    root.add("a", {"run": FOREVER, "shutdown": "pgrep -x sleep > /dev/null && echo still there"})

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})

    root.run(scene)
    assert "still there" in root.log("a")


def test_what_can_not_be_deployed_is_refused_with_its_reason(root: Root) -> None:
    root.add("a", {"run": FOREVER}, needs=_needs(absent=">=1.0.0"))
    root.add("b", {"run": FOREVER}, artifacts=[{"Uri": "s3://B/x.zip"}])
    root.add("c", {"run": FOREVER}, needs=_needs(d=">=2.0.0"))
    root.add("d", {"run": FOREVER})

    async def scene(nucleus: Nucleus) -> None:
        for name, reason in (("absent", "has no recipe"), ("a", "has no recipe of absent"),
                             ("b", "x.zip is not there"), ("c", "has no recipe of d")):  # fmt: skip
            with pytest.raises(OperationError, match=reason):
                await nucleus.deploy_locally(
                    {
                        "recipeDirectoryPath": str(root.source),
                        "artifactsDirectoryPath": str(root.artifacts),
                        "rootComponentVersionsToAdd": {name: "1.0.0"},
                    }
                )
        assert nucleus.components() == []

    root.run(scene)


def test_a_default_that_lite_does_not_keep_fails_the_deployment(tmp_path: Path) -> None:
    root = Root(tmp_path, nucleus="lite")
    root.add("a", {"run": FOREVER}, defaults={"text": "x" * 2_000})

    async def scene(nucleus: Nucleus) -> None:
        done = await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        assert done["status"] == "FAILED"
        assert "nucleus lite keeps 1024 at most" in done["reason"]
        assert nucleus.components() == []

    root.run(scene)


def test_a_disk_that_keeps_no_configuration_fails_the_deployment(root: Root) -> None:
    root.add("a", {"run": FOREVER})
    (root.settings.root / ".config.json.new").mkdir()

    async def scene(nucleus: Nucleus) -> None:
        done = await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        assert done["status"] == "FAILED"
        assert "config.json" in done["reason"]

    root.run(scene)


def test_a_removed_component_is_stopped_and_its_work_stays(root: Root) -> None:
    root.add("a", {"run": "echo kept > state && exec sleep 1000"})

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await until((root.settings.work("a") / "state").exists)
        await root.deploy(nucleus, rootComponentsToRemove=["a"])
        assert nucleus.components() == []

    root.run(scene)
    assert (root.settings.work("a") / "state").read_text() == "kept\n"


def test_a_restart_takes_along_who_can_not_run_without(root: Root) -> None:
    root.add("a", {"run": FOREVER})
    root.add("b", {"run": FOREVER}, needs=_needs(a="*"))

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"b": "1.0.0"})
        await nucleus.restart_component("a")
        assert [one["starts"] for one in nucleus.components()] == [2, 2]

    root.run(scene)


def test_processes_of_a_killed_nucleus_are_ended_by_the_next(root: Root) -> None:
    async def scene(nucleus: Nucleus) -> None:
        log = ComponentLog(root.settings.log_path("x"))
        environment = {
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(root.settings.socket_path),
            "PATH": os.environ["PATH"],
        }
        script = await Script.start(
            FOREVER, step="run", cwd=root.source, environment=environment, log=log
        )
        other = replace(root.settings, root=root.settings.root / "other")
        assert end_leftovers(other.socket_path) == 0
        assert end_leftovers(root.settings.socket_path) == 1
        assert await script.wait() != 0
        log.close()
        assert nucleus.components() == []

    root.run(scene)


def test_a_component_that_knows_only_awsiotsdk_runs_unchanged(root: Root) -> None:
    program = root.source.parent / "component.py"
    program.write_text(
        "from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2\n"
        "client = GreengrassCoreIPCClientV2()\n"
        "site = client.get_configuration(key_path=['site']).value\n"
        "client.update_state(state='RUNNING')\n"
        "print('found', site)\n"
    )
    root.add("a", {"run": f'exec "{sys.executable}" "{program}"'}, defaults={"site": "plant1"})

    async def scene(nucleus: Nucleus) -> None:
        await root.deploy(nucleus, rootComponentVersionsToAdd={"a": "1.0.0"})
        await until(lambda: nucleus.component("a").state in (FINISHED, BROKEN), 20)

    root.run(scene)
    assert "found {'site': 'plant1'}" in root.log("a")
    assert "the component says RUNNING" in root.log("a")


def _needs(**requirements: str) -> dict[str, Any]:
    return {
        name: {"VersionRequirement": text, "DependencyType": "HARD"}
        for name, text in requirements.items()
    }
