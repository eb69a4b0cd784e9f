"""Read the CloudFormation template with its policies put in.

Flow: template.yaml, policies/*.json -> [template] -> CloudFormation
AWS runs `AWS::Include` on objects in S3 only; here it reads the file beside the template, so
that what is deployed is what was checked out.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tidectl.errors import TidectlError
from tidectl.project import TEMPLATE

BODY_BYTES_MAX = 51_200  # CloudFormation takes longer ones from S3 only
_INCLUDE = "AWS::Include"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref`) as their long ones."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    raise yaml.constructor.ConstructorError(None, None, f"!{suffix} of nothing", node.start_mark)


_Loader.add_multi_constructor("!", _long_form)


class Template:
    """The template at `path`; raises `TidectlError` when it or a policy can't be read."""

    def __init__(self, path: Path = TEMPLATE) -> None:
        try:
            document = yaml.load(path.read_text(), _Loader)  # noqa: S506  a SafeLoader
            self.document: dict[str, Any] = _with_includes(document, path.parent)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise TidectlError(f"can't read {path}: {error}", "is the checkout whole?") from error

    def body(self) -> str:
        """Return the template as CloudFormation takes it; raises `TidectlError` over its limit."""
        text = json.dumps(self.document, separators=(",", ":"))
        if len(text.encode()) > BODY_BYTES_MAX:
            raise TidectlError(
                f"the template has {len(text.encode())} bytes, {BODY_BYTES_MAX} at most",
                "split it, or shorten its policies",
            )
        return text

    def check_parameters(self, given: Mapping[str, str]) -> None:
        """Raise `TidectlError` naming each of `given` that the template does not have."""
        known = self.document["Parameters"]
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            raise TidectlError(
                f"the template has no parameter {', '.join(unknown)}",
                f"it has {', '.join(sorted(known))}",
            )

    def resources(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the type of each resource that a stack with the parameters `given` has."""
        holds = _conditions(self.document, given)
        return {
            name: resource["Type"]
            for name, resource in self.document["Resources"].items()
            if holds(resource.get("Condition"))
        }


def _with_includes(node: Any, folder: Path) -> Any:
    if isinstance(node, list):
        return [_with_includes(child, folder) for child in node]
    if not isinstance(node, dict):
        return node
    transform = node.get("Fn::Transform")
    if isinstance(transform, dict) and transform.get("Name") == _INCLUDE:
        included = json.loads((folder / transform["Parameters"]["Location"]).read_text())
        rest = {key: value for key, value in node.items() if key != "Fn::Transform"}
        return _with_includes({**included, **rest}, folder)
    return {key: _with_includes(child, folder) for key, child in node.items()}


def _conditions(
    document: Mapping[str, Any], given: Mapping[str, str]
) -> Callable[[str | None], bool]:
    """Return what tells whether a condition holds."""
    defaults = {
        name: str(parameter["Default"])
        for name, parameter in document["Parameters"].items()
        if "Default" in parameter
    }
    values = {**defaults, **given}

    def value_of(node: Any) -> str:
        return values.get(node["Ref"], "") if isinstance(node, dict) else str(node)

    def holds(node: Any) -> bool:
        ((function, arguments),) = node.items()
        match function:
            case "Condition":
                return holds(document["Conditions"][arguments])
            case "Fn::Equals":
                left, right = arguments
                return value_of(left) == value_of(right)
            case "Fn::Not":
                return not holds(arguments[0])
            case "Fn::And":
                return all(holds(argument) for argument in arguments)
            case "Fn::Or":
                return any(holds(argument) for argument in arguments)
        raise TidectlError(f"the template's condition uses {function}", "teach it to template.py")

    return lambda name: name is None or holds({"Condition": name})
