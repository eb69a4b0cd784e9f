"""Each rule, by a recipe that breaks it alone; and every recipe of ours, which breaks none."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.tidectl.conftest import Run
from tidectl.recipe_lint import ERROR, LITE, lint, lint_document, lint_together, recipes_in

COMPONENTS = Path(__file__).resolve().parents[4] / "greengrass_components"
GOOD: dict[str, Any] = {
    "RecipeFormatVersion": "2020-01-25",
    "ComponentName": "io.tidegauge.Modbus",
    "ComponentVersion": "1.0.0",
    "ComponentType": "aws.greengrass.generic",
    "ComponentDescription": "Modbus",
    "ComponentPublisher": "Tidegauge",
    "ComponentConfiguration": {
        "DefaultConfiguration": {
            "site": "plant1",
            "devices": {"plc1": {"host": "192.0.2.10"}},
            "accessControl": {
                "aws.greengrass.ipc.pubsub": {
                    "io.tidegauge.Modbus:pubsub:1": {
                        "policyDescription": "local bus",
                        "operations": ["aws.greengrass#PublishToTopic"],
                        "resources": ["tidegauge/local/*"],
                    }
                }
            },
        }
    },
    "ComponentDependencies": {
        "aws.greengrass.TokenExchangeService": {
            "VersionRequirement": ">=2.0.0 <3.0.0",
            "DependencyType": "HARD",
        }
    },
    "Manifests": [
        {
            "Name": "linux",
            "Platform": {"os": "linux", "runtime": "*"},
            "Lifecycle": {
                "Setenv": {"MODE": "x"},
                "install": {
                    "Timeout": "600",
                    "Script": 'python3 "{artifacts:path}/install.py" "{work:path}"',
                },
                "run": {"Script": 'exec "{work:path}/x" {configuration:/site} {iot:thingName}'},
            },
            "Artifacts": [
                {"Uri": "s3://B/x.zip", "Unarchive": "NONE", "Permission": {"Read": "OWNER"}}
            ],
        }
    ],
}
M, L = ("Manifests", 0), ("Manifests", 0, "Lifecycle")
D = ("ComponentConfiguration", "DefaultConfiguration")
POLICY = (*D, "accessControl", "aws.greengrass.ipc.pubsub", "io.tidegauge.Modbus:pubsub:1")
ABSENT = object()
# The rule, where the recipe is changed, and to what.
BROKEN: list[tuple[str, tuple[Any, ...], Any]] = [
    ("format-version", ("RecipeFormatVersion",), ABSENT),
    ("format-version", ("RecipeFormatVersion",), "2024-01-01"),
    ("component-name", ("ComponentName",), "no name"),
    ("reserved-name", ("ComponentName",), "aws.greengrass.StreamManager"),
    ("component-version", ("ComponentVersion",), "1.0"),
    ("component-version", ("ComponentVersion",), "1.0.0-rc1"),
    ("component-type", ("ComponentType",), "aws.greengrass.lambda"),
    ("component-type", ("ComponentType",), "io.mine"),
    ("key-case", ("componentDescription",), "x"),
    ("key-case", (*L, "Install"), "true"),
    ("key-case", (*L, "run"), {"script": "true"}),
    ("unknown-key", ("Comment",), "x"),
    ("unknown-key", (*L, "run", "Restart"), "always"),
    ("manifests-list", ("Manifests",), {"a": 1}),
    ("no-manifest", ("Manifests",), []),
    ("no-lifecycle", L, {}),
    ("platform-runtime", (*M, "Platform", "runtime"), ABSENT),
    ("platform-runtime", (*M, "Platform", "runtime"), "aws_nucleus_classic"),
    ("platform-os", (*M, "Platform", "os"), ABSENT),
    ("platform-os", (*M, "Platform", "os"), "/linux|darwin/"),
    ("platform-os", (*M, "Platform"), ABSENT),
    ("platform-architecture", (*M, "Platform", "architecture"), "amd64"),
    ("global-lifecycle", ("Lifecycle",), {"mine": {"run": "true"}}),
    ("dependency", ("ComponentDependencies",), ["x"]),
    ("dependency", ("ComponentDependencies", "x"), {}),
    ("dependency", ("ComponentDependencies", "x"),
     {"VersionRequirement": ">=1.0.0", "DependencyType": "WEAK"}),
    ("caret-range", ("ComponentDependencies", "x"), {"VersionRequirement": "^1.0.0"}),
    ("caret-range", ("ComponentDependencies", "x"), {"VersionRequirement": "~1.0.0"}),
    ("artifact-uri", (*M, "Artifacts", 0, "Uri"), ABSENT),
    ("artifact-unarchive", (*M, "Artifacts", 0, "Unarchive"), "TAR"),
    ("artifact-unarchive", (*M, "Artifacts", 0, "Unarchive"), "ZIP"),
    ("artifact-permission", (*M, "Artifacts", 0, "Permission"), {"Read": "ME"}),
    ("run-and-startup", (*L, "startup"), "true"),
    ("startup", (*L, "startup"), "true"),
    ("bootstrap", (*L, "bootstrap"), "true"),
    ("ignored-step", (*L, "shutdown"), "true"),
    ("ignored-step", (*L, "recover"), "true"),
    ("skipif", (*L, "install", "Skipif"), "onpath git"),
    ("run-timeout", (*L, "run", "Timeout"), "10"),
    ("timeout", (*L, "install", "Timeout"), "x"),
    ("install-timeout", (*L, "install", "Timeout"), ABSENT),
    ("no-script", (*L, "run"), {"RequiresPrivilege": True}),
    ("setenv", (*L, "Setenv"), "A=1"),
    ("setenv-type", (*L, "Setenv", "MODE"), 5),
    ("setenv-space", (*L, "Setenv", "MODE"), "x y"),
    ("setenv-space", (*L, "run", "Setenv"), {"MODE": "x y"}),
    ("brace", (*L, "run"), "echo ${HOME}"),
    ("brace", (*L, "run"), "echo {unknown:variable}"),
    ("brace", (*L, "run"), "echo {artifacts:other}"),
    ("brace", (*L, "run"), "awk '{print $1}'"),
    ("brace", (*L, "run"), "echo '{\"a\": 1}'"),
    ("brace", (*L, "run"), "echo {other.component:artifacts:path}"),
    ("brace", (*L, "run"), "echo {other.component:configuration:/x}"),
    ("missing-configuration", (*L, "run"), "echo {configuration:/absent}"),
    ("no-interpreter", (*L, "run"), 'exec "{artifacts:path}/run.sh"'),
    ("decompressed-path", (*L, "run"), "sh {artifacts:decompressedPath}/x/run.sh"),
    ("configuration-mapping", D, ["x"]),
    ("configuration-value", (*D, "note"), "x" * 1_023),
    ("configuration-value", (*D, "nodes"), [f"ns=2;s=plant.line.{n:014d}" for n in range(40)]),
    ("configuration-children", (*D, "tags"), {f"t{n}": "x" for n in range(65)}),
    ("configuration-keys", (*D, "tags"),
     {f"g{n}": {f"t{m}": "x" for m in range(60)} for n in range(5)}),
    ("configuration-variable", (*D, "note"), "{configuration:/site}"),
    ("access-control", (*D, "accessControl"), ["junk"]),
    ("access-control", (*POLICY, "operations"), "all"),
    ("access-control", (*POLICY, "resources"), "*"),
    ("access-control-variable", (*POLICY, "resources"), ["t/{iot:thingName}"]),
]  # fmt: skip
# What breaks together with another: a recipe can't break the one without the other.
ALONG = {
    "startup": {"run-and-startup"},
    "run-and-startup": {"startup"},
    "platform-os": {"platform-runtime"},
    "configuration-mapping": {"missing-configuration"},
}


def _changed(at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    recipe = deepcopy(GOOD)
    place: Any = recipe
    for key in at[:-1]:
        place = place[key]
    if value is ABSENT:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return recipe


def test_a_recipe_for_both_is_clean() -> None:
    assert lint_document(GOOD) == []


@pytest.mark.parametrize(("rule", "at", "value"), BROKEN)
def test_each_rule_finds_what_breaks_it_and_nothing_else(
    rule: str, at: tuple[Any, ...], value: Any
) -> None:
    found = {finding.rule for finding in lint_document(_changed(at, value))}
    assert rule in found
    assert found - {rule} <= ALONG.get(rule, set())


def test_every_rule_has_its_broken_recipe() -> None:
    folder = Path(lint.__code__.co_filename).parent
    named = {
        line.partition('Finding("')[2].partition('"')[0]
        for path in folder.glob("*.py")
        for line in path.read_text().replace('Finding(\n            "', 'Finding("').splitlines()
        if 'Finding("' in line
    }
    of_files = {"unreadable", "recipe-size", "broken", "file-name", "policy-id"}
    assert named == {rule for rule, _, _ in BROKEN} | of_files


def test_files_are_checked_as_files(tmp_path: Path) -> None:
    def rules(name: str, text: str) -> set[str]:
        path = tmp_path / name
        path.write_text(text)
        return {finding.rule for finding in lint(path)}

    text = yaml.safe_dump(GOOD)
    assert rules("io.tidegauge.Modbus-1.0.0.yaml", text) == set()
    assert rules("io.tidegauge.Other-1.0.0.yaml", text) == {"file-name"}
    assert rules("io.tidegauge.Modbus-1.0.1.yaml", text) == {"file-name"}
    assert rules("recipe.yaml", text + "#" * 8_200) == {"recipe-size"}
    assert rules("recipe.yaml", "a: [") == {"broken"}
    assert rules("recipe.yaml", "- a") == {"broken"}
    assert rules("recipe.json", json.dumps(GOOD)) == set()
    assert {finding.rule for finding in lint(tmp_path / "absent.yaml")} == {"unreadable"}


def test_policy_ids_are_unique_over_all_recipes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").write_text(yaml.safe_dump(GOOD))
    findings = lint_together(recipes_in(tmp_path))
    assert [finding.rule for one in findings.values() for finding in one] == ["policy-id"]


def test_our_own_recipes_are_clean() -> None:
    findings = lint_together(recipes_in(COMPONENTS))
    wrong = [(str(path), finding) for path, found in findings.items() for finding in found]
    assert wrong == []


def test_the_verb_tells_errors_for_people_and_programs(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(_changed((*L, "run"), "echo ${HOME}")))
    done = tidectl("gateway", "lint", str(tmp_path))
    assert done.code == 1
    assert "brace" in done.out
    document = tidectl("gateway", "lint", str(path), "--json").json()
    assert (document["errors"], document["findings"][0]["nucleus"]) == (1, LITE)
    assert document["findings"][0]["severity"] == ERROR
    assert tidectl("gateway", "lint", str(path), "--nucleus", "classic").code == 0
    assert "no recipe" in tidectl("gateway", "lint", str(tmp_path / "absent")).complaint()
