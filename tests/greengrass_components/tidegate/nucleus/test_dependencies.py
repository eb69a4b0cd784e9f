"""Versions and their requirements, and the order of starts."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.greengrass_components.tidegate.nucleus.root import recipe
from tidegate.nucleus.dependencies import satisfies, start_order
from tidegate.nucleus.deployment import needs_restart, plan
from tidegate.nucleus.errors import DeploymentError
from tidegate.nucleus.recipe import Recipe, parse_recipe


@pytest.mark.parametrize(
    ("version", "requirement", "expected"),
    [
        ("1.2.3", ">=1.0.0 <2.0.0", True),
        ("2.0.0", ">=1.0.0 <2.0.0", False),
        ("1.2.3", ">= 1.2.3", True),
        ("1.2.3", ">1.2.3", False),
        ("1.2.3", "<=1.2.3", True),
        ("1.10.0", ">=1.9.0", True),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "=1.2.4", False),
        ("1.2.3", "1.x", True),
        ("1.2.3", "2.x", False),
        ("1.2.3", "*", True),
        ("1.9.9", "^1.2.0", True),
        ("2.0.0", "^1.2.0", False),
        ("0.2.5", "^0.2.0", True),
        ("0.3.0", "^0.2.0", False),
        ("1.2.9", "~1.2.3", True),
        ("1.3.0", "~1.2.3", False),
        ("3.0.0", "1.0.0 || >=3.0.0", True),
    ],
)
def test_a_version_meets_a_requirement(version: str, requirement: str, expected: bool) -> None:
    assert satisfies(version, requirement) is expected


@given(st.text(max_size=12))
def test_any_text_is_a_requirement_or_our_error(requirement: str) -> None:
    with contextlib.suppress(DeploymentError):
        assert satisfies("1.2.3", requirement) in (True, False)


def _recipes(**needs: dict[str, str]) -> dict[str, Recipe]:
    return {
        name: parse_recipe(
            recipe(
                name,
                {"run": "echo {configuration:/x} {configuration:/deep/y}"},
                defaults={"x": 1, "deep": {"y": 2}, "z": 3},
                needs={
                    other: {"VersionRequirement": ">=1.0.0", "DependencyType": kind}
                    for other, kind in wanted.items()
                },
            )
        )
        for name, wanted in needs.items()
    }


def test_who_needs_another_starts_after_it() -> None:
    order = start_order(_recipes(a={"b": "HARD", "c": "SOFT"}, b={"c": "HARD"}, c={}))
    assert order == ["c", "b", "a"]
    assert start_order(_recipes(a={"absent": "SOFT"})) == ["a"]
    with pytest.raises(DeploymentError, match=r"a needs absent >=1\.0\.0"):
        start_order(_recipes(a={"absent": "HARD"}))
    with pytest.raises(DeploymentError, match="need each other: "):
        start_order(_recipes(a={"b": "HARD"}, b={"a": "HARD"}))


def test_a_plan_touches_what_changes_and_what_depends_on_it() -> None:
    before = _recipes(a={"b": "HARD"}, b={}, c={}, d={})
    after = {name: one for name, one in before.items() if name != "d"}
    steps = plan(before, after, ["b"])
    assert (steps.stop, steps.start) == (("d", "a", "b"), ("b", "a"))
    assert plan(before, before, []).start == ()


def test_the_classic_nucleus_restarts_for_what_a_script_names() -> None:
    (one,) = _recipes(a={}).values()
    assert needs_restart(one, [("x",)])
    assert needs_restart(one, [("deep",)])
    assert needs_restart(one, [("deep", "y")])
    assert not needs_restart(one, [("z",), ("deep", "other")])
