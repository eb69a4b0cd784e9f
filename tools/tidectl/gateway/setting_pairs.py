"""Settings as they are typed: `key.below=value`, or `component:key.below=value`."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource, all_sources
from tidectl.gateway.settings_check import ACCESS_CONTROL, is_known, setting_names

_FILE_KEYS = frozenset({"tag_map", "ca", "certificate", "key", "password_file"})


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


def assigned(pairs: Iterable[str], sources: Sequence[ComponentSource]) -> dict[str, dict[str, Any]]:
    """Return the tree of each component, by its full name.

    Without `COMPONENT:` a pair is for those of `sources` that have such a setting; raises
    `TidectlError` where none has.
    """
    given: dict[str, list[str]] = {}
    for pair in pairs:
        who, rest = _named(pair, sources)
        if who is not None:
            given.setdefault(who.name, []).append(_checked(rest, who))
            continue
        key = pair.partition("=")[0].partition(".")[0]
        takers = [one for one in sources if key in setting_names(one) or key == ACCESS_CONTROL]
        if not takers:
            raise _nobody_has(key, sources)
        for one in takers:
            given.setdefault(one.name, []).append(pair)
    return {name: merged(own) for name, own in given.items()}


def _named(pair: str, sources: Sequence[ComponentSource]) -> tuple[ComponentSource | None, str]:
    """Return the component that a pair is for, None where it names none, and the rest of it."""
    before, colon, rest = pair.partition(":")
    if not colon or "=" in before:
        return None, pair
    for source in sources:
        if before in (source.name, source.folder.name):
            return source, rest
    if before in {name for one in all_sources() for name in (one.name, one.folder.name)}:
        raise TidectlError(
            f"{pair}: {before} is not among the components named",
            f"name it too, or set it of {', '.join(one.folder.name for one in sources)}",
        )
    return None, pair


def _checked(pair: str, source: ComponentSource) -> str:
    key = pair.partition("=")[0].partition(".")[0]
    if is_known(source) and key not in setting_names(source) | {ACCESS_CONTROL}:
        raise _nobody_has(key, [source])
    return pair


def _nobody_has(key: str, sources: Sequence[ComponentSource]) -> TidectlError:
    known = sorted({name for one in sources for name in setting_names(one)})
    who = sources[0].folder.name if len(sources) == 1 else "none of these components"
    verb = "has no setting" if len(sources) == 1 else "has a setting"
    close = get_close_matches(key, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    if not all(is_known(one) for one in sources):
        hint += "; COMPONENT:KEY=VALUE sets what a recipe's defaults don't name"
    return TidectlError(f"{who} {verb} {key}", hint)


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree `below` with the values of `above` in it."""
    tree = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(tree.get(key), Mapping)
        tree[key] = overlaid(tree[key], value) if both else value
    return tree


def with_files_from_here(tree: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the tree with files that are named from the present folder under their whole paths.

    For a nucleus on this machine, whose components work in folders of their own; `tell` hears of
    each.
    """
    found = dict(tree)
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found[key] = with_files_from_here(value, tell)
        elif key in _FILE_KEYS and isinstance(value, str):
            path = Path(value)
            if not path.is_absolute() and path.is_file():
                found[key] = str(path.absolute())
                tell(f"{key}: {found[key]}")
    return found
