"""The template as tidectl reads it: policies put in, conditions understood."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidectl.errors import TidectlError
from tidectl.template import BODY_BYTES_MAX, Template

SMALL = """
Parameters:
  Engine: {Type: String, Default: one}
  Wide: {Type: String}
Conditions:
  IsOne: !Equals [!Ref Engine, one]
  IsTwo: !Not [!Condition IsOne]
  IsWide: !Not [!Equals [!Ref Wide, ""]]
  IsBoth: !And [!Condition IsOne, !Condition IsWide]
  IsEither: !Or [!Condition IsTwo, !Condition IsWide]
Resources:
  Always: {Type: A}
  One: {Type: B, Condition: IsOne}
  Two: {Type: C, Condition: IsTwo}
  Both: {Type: D, Condition: IsBoth}
  Either: {Type: E, Condition: IsEither}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "template.yaml"
        path.write_text(text)
        return path

    return write


def walk(node: Any) -> Iterator[Any]:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


def test_no_include_is_left_for_cloudformation_to_run() -> None:
    keys = {key for node in walk(Template().document) if isinstance(node, dict) for key in node}
    assert "Fn::Transform" not in keys
    assert {"Fn::Sub", "Fn::GetAtt", "Ref", "Fn::If"} <= keys


def test_the_body_fits_into_a_call_and_is_the_document() -> None:
    template = Template()
    body = template.body()
    assert len(body.encode()) <= BODY_BYTES_MAX
    assert json.loads(body) == template.document


def test_a_body_above_cloudformations_limit_is_refused(write: Callable[[str], Path]) -> None:
    template = Template(write(f"Description: {'x' * BODY_BYTES_MAX}\n"))
    with pytest.raises(TidectlError, match=f"{BODY_BYTES_MAX} at most"):
        template.body()


def test_short_forms_are_read_as_their_long_ones(write: Callable[[str], Path]) -> None:
    text = "A: !Ref X\nB: !GetAtt Y.Arn\nC: !Sub '${X}'\nD: !If [P, !Ref Q, 1]\nE: !Base64 {F: 1}\n"
    assert Template(write(text)).document == {
        "A": {"Ref": "X"},
        "B": {"Fn::GetAtt": ["Y", "Arn"]},
        "C": {"Fn::Sub": "${X}"},
        "D": {"Fn::If": ["P", {"Ref": "Q"}, 1]},
        "E": {"Fn::Base64": {"F": 1}},
    }


def test_an_include_is_the_file_beside_the_template(write: Callable[[str], Path]) -> None:
    path = write(
        "P:\n  Fn::Transform: {Name: AWS::Include, Parameters: {Location: p.json}}\n  B: 2\n"
    )
    (path.parent / "p.json").write_text('{"A": 1}')
    assert Template(path).document == {"P": {"A": 1, "B": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "A: [",
        "A: !Ref\n  ? [b]\n  : c\n",
        "P:\n  Fn::Transform: {Name: AWS::Include, Parameters: {Location: absent.json}}\n",
    ],
)
def test_a_template_that_can_not_be_read_is_told_by_its_path(
    text: str, write: Callable[[str], Path]
) -> None:
    path = write(text)
    with pytest.raises(TidectlError, match=str(path)):
        Template(path)


def test_a_template_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(TidectlError, match=r"absent\.yaml"):
        Template(tmp_path / "absent.yaml")


def test_unknown_parameters_are_named_all_together() -> None:
    with pytest.raises(TidectlError, match="no parameter Storeengine, Vpc") as caught:
        Template().check_parameters({"Vpc": "x", "Storeengine": "y", "StorePort": "1"})
    assert "StoreEngine" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"Always", "One"}),
        ({"Engine": "two"}, {"Always", "Two", "Either"}),
        ({"Wide": "x"}, {"Always", "One", "Both", "Either"}),
    ],
)
def test_the_resources_are_those_whose_condition_holds(
    given: dict[str, str], expected: set[str], write: Callable[[str], Path]
) -> None:
    assert set(Template(write(SMALL)).resources(given)) == expected


def test_a_condition_that_is_not_understood_is_a_clear_error(write: Callable[[str], Path]) -> None:
    text = (
        "Parameters: {}\nConditions: {C: {'Fn::Maybe': []}}\n"
        "Resources: {R: {Type: T, Condition: C}}\n"
    )
    with pytest.raises(TidectlError, match="Fn::Maybe"):
        Template(write(text)).resources({})


@pytest.mark.parametrize(
    ("engine", "types"),
    [
        ("influxdb", {"AWS::Timestream::InfluxDBCluster"}),
        ("liveanalytics", {"AWS::Timestream::Database", "AWS::Timestream::Table"}),
    ],
)
def test_each_engine_has_its_own_store(engine: str, types: set[str]) -> None:
    found = set(Template().resources({"StoreEngine": engine}).values())
    assert {kind for kind in found if kind.startswith("AWS::Timestream")} == types
