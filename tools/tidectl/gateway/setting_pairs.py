"""Settings as they are typed: `key.below=value`, for one component or for all."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from tidectl.errors import TidectlError


def merged(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the tree of `KEY=VALUE`s; a value is JSON where it reads as such, else text."""
    tree: dict[str, Any] = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        keys = path.split(".")
        if not sign or not all(keys):
            raise click.UsageError(f"{pair} is not KEY=VALUE")
        branch = tree
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                raise TidectlError(f"{path} is both a value and a map", "set one of them")
        try:
            branch[keys[-1]] = json.loads(text)
        except ValueError:
            branch[keys[-1]] = text
    return tree


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree `below` with the values of `above` in it."""
    tree = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(tree.get(key), Mapping)
        tree[key] = overlaid(tree[key], value) if both else value
    return tree
