"""A tag map of this machine with the files it names, as a deployment carries them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource
from tidectl.gateway.settings_check import adapter_kind
from tidegate.adapter_kind import AdapterKind
from tidegate.carried_map import CARRIED, packed
from tidegate.errors import GateError
from tidegate.tag_map import read_tag_map
from tidegate.yaml_lines import load


def carried(path: Path, kind: AdapterKind) -> dict[str, Any]:
    """Return the settings that carry a tag map; raises `TidectlError` where it is wrong."""
    try:
        read_tag_map(path, kind=kind, thing="gateway")  # complains of what is wrong
        files = {path.name: path.read_bytes()}
        for name in _named(path, kind):
            beside = path.parent / name
            if beside.is_file():
                files[name] = beside.read_bytes()
        return {"tag_map": CARRIED, "tag_map_parts": packed(files)}
    except GateError as error:
        raise TidectlError(str(error), f"tidectl gateway check {path}") from error
    except OSError as error:
        raise TidectlError(f"{path} can't be read: {error.strerror}", "is it there?") from error


def chosen_maps(
    texts: Iterable[str], sources: Sequence[ComponentSource]
) -> dict[str, dict[str, Any]]:
    """Return the settings of `[COMPONENT=]FILE`s by full name; raises `TidectlError`."""
    found = {}
    readers = [source for source in sources if adapter_kind(source)]
    for text in texts:
        name, sign, rest = text.partition("=")
        takers = [one for one in readers if not sign or name in (one.name, one.folder.name)]
        if len(takers) != 1:
            names = ", ".join(one.folder.name for one in readers) or "none of these components"
            raise click.UsageError(f"{text}: say whose it is, COMPONENT=FILE; {names} may have one")
        kind = adapter_kind(takers[0])
        assert kind  # noqa: S101  of a reader
        found[takers[0].name] = carried(Path(rest if sign else text), kind)
    return found


def _named(path: Path, kind: AdapterKind) -> list[str]:
    """Return the names of files that a sound tag map needs beside it."""
    if path.suffix.lower() == ".csv":
        return []
    top = load(path.read_text(encoding="utf-8-sig"))
    tables = top.get("csv") or []
    names = [str(one) for one in (tables if isinstance(tables, list) else [tables])]
    for settings in (top.get("connections") or {}).values():
        for key in kind.file_settings & set(settings):
            names += [part.strip() for part in str(settings[key]).split(",")]
    return list(dict.fromkeys(names))
