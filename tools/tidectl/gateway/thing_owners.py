"""Which component of a gateway has which things; each thing has one.

Each component counts the batches of its things for itself: of a thing that two had, numbers would
be given twice, samples would hide each other, and `tidectl audit` would tell of gaps that are none.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource
from tidegate.carried_map import CARRIED, unpack_into
from tidegate.errors import GateError
from tidegate.tag_map_csv import read_rows
from tidegate.tag_map_entry import Mistakes
from tidegate.yaml_lines import YamlError, load

DEFAULT_KIND = "modbus"  # of a tag map that names no adapter


def things_of(source: ComponentSource, gateway: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the things of a component; `settings` go before its recipe's defaults.

    Raises `TidectlError` for a tag map that can't be read.
    """
    known = {**source.recipe.defaults, **settings}
    own = str(known.get("thing") or "")
    if not known.get("tag_map"):
        has_outbox = "outbox" in known  # as the bridge has one, whose own thing is the gateway
        return [own or gateway] if has_outbox else []
    with tempfile.TemporaryDirectory(prefix="tidegauge-") as scratch:
        if known["tag_map"] == CARRIED:
            path = _unpacked(known, Path(scratch))
        else:
            path = source.folder / str(known["tag_map"])  # an absolute one stays so
        kind, named = named_things(path) if path.exists() else (DEFAULT_KIND, [])
    return list(dict.fromkeys([own or f"{gateway}:{kind}", *named]))


def _unpacked(known: Mapping[str, Any], folder: Path) -> Path:
    try:
        return unpack_into(folder, known.get("tag_map_parts") or {})
    except GateError as error:
        raise TidectlError(str(error), "--tag-map FILE carries it") from error


def things_expected(
    source: ComponentSource, gateway: str, settings: Mapping[str, Any]
) -> list[str]:
    """Return the things that a component sends samples of by a tag map; none: nobody knows."""
    name = {**source.recipe.defaults, **settings}.get("tag_map")
    if not name or (name != CARRIED and not (source.folder / str(name)).exists()):
        return []
    try:
        return things_of(source, gateway, settings)
    except TidectlError:
        return []  # the component itself tells what is wrong with it


def named_things(path: Path) -> tuple[str, list[str]]:
    """Return the adapter and the things that a tag map names; raises `TidectlError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = {"csv": path.name} if path.suffix.lower() == ".csv" else load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise TidectlError(f"{path} can't be read: {error}", "see tidectl gateway check") from error
    except YamlError as error:
        raise TidectlError(
            f"{path}:{error.line}: {error}", f"tidectl gateway check {path}"
        ) from error
    if not isinstance(document, dict):
        return DEFAULT_KIND, []
    groups = document.get("groups")
    entries = [document, *(groups if isinstance(groups, list) else ())]
    entries += _rows(path, document.get("csv"))
    named = (one.get("thing") for one in entries if isinstance(one, dict))
    things = list(dict.fromkeys(str(thing).strip() for thing in named if thing))
    return str(document.get("adapter") or DEFAULT_KIND), things


def owned_things(
    sources: Iterable[ComponentSource],
    gateway: str,
    configurations: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[str]]:
    """Return the things of each component by its name; raises `TidectlError` for shared ones."""
    owned = {
        source.name: things_of(source, gateway, configurations.get(source.name, {}))
        for source in sources
    }
    check_owners(owned)
    return owned


def check_owners(owned: Mapping[str, Iterable[str]]) -> None:
    """Raise `TidectlError` where two components, by name, have the same thing."""
    owners: dict[str, list[str]] = {}
    for component, things in owned.items():
        for thing in dict.fromkeys(things):
            owners.setdefault(thing, []).append(component)
    shared = {thing: names for thing, names in owners.items() if len(names) > 1}
    if not shared:
        return
    told = "; ".join(f"{thing} is of {' and '.join(names)}" for thing, names in shared.items())
    raise TidectlError(
        f"things have one component each: {told}",
        "each counts the batches of its things for itself: name another `thing` in one tag map, or"
        " in one component's configuration",
    )


def _rows(path: Path, names: Any) -> list[Any]:
    """Return the rows of the CSV files of a tag map; what is wrong with one, the check tells."""
    found: list[Any] = []
    for name in names if isinstance(names, list) else [] if names is None else [names]:
        beside = path.parent / str(name)
        if beside.is_file():
            text = beside.read_text(encoding="utf-8-sig", errors="replace")
            found += read_rows(text, beside.name, Mistakes())
    return found
