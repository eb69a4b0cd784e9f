"""A kind of adapter: what a component's `main.py` hands to the program, and a tag map is read for.

The kind of protocol `x` is `KIND` in `tidegate.x.kind`; its tag maps say `adapter: x`.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tidegate.adapter import Adapter
from tidegate.errors import GateError
from tidegate.group import Group

LISTENS = "listen"
Mistakes = Iterable[tuple[str, str]]


def _nothing_wrong(_: Group) -> Mistakes:
    return ()


def _polls_none(_: Mapping[str, Any], __: Group) -> bool:
    return False


def _no_line(_: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterKind:
    """`make` takes the settings of one connection and returns its adapter; raises `GateError`.

    `subscribes`: the device tells changes, and is not polled, but for the groups of which `polls`
    says so, with the settings of their connection. `check` yields what is wrong with a
    group, as (field, or "" for the group, text). `tag_options` and `group_options` are the names
    of the adapter's own columns and keys. `default_connection`: settings where a tag map needs
    to name none, as of a machine that reads itself. `file_settings` are settings that name files,
    parted by commas: those that the working directory does not have are looked for beside the tag
    map. `plans_requests`: each line of a plan is a request that waits for its answer, unless it
    begins with `LISTENS`; from that the load of a bus is predicted. `writes_texts`: texts can be
    written as well. `line_of` returns what only one connection may have, as a serial line, of its
    settings; "" for nothing, and for settings that `make` would refuse.
    """

    name: str
    make: Callable[[Mapping[str, Any]], Adapter]
    subscribes: bool = False
    polls: Callable[[Mapping[str, Any], Group], bool] = _polls_none
    check: Callable[[Group], Mistakes] = _nothing_wrong
    tag_options: frozenset[str] = frozenset()
    group_options: frozenset[str] = frozenset()
    default_connection: Mapping[str, Any] | None = None
    file_settings: frozenset[str] = frozenset()
    plans_requests: bool = False
    writes_texts: bool = False
    line_of: Callable[[Mapping[str, Any]], str] = _no_line


def find_kind(name: str) -> AdapterKind:
    """Return the kind of that name; raises `GateError` where there is none."""
    module = f"tidegate.{name}.kind"
    try:
        is_there = name.isidentifier() and find_spec(module) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise GateError(f"there is no adapter {name!r}; there are: {', '.join(kind_names())}")
    kind: AdapterKind = importlib.import_module(module).KIND
    return kind


def kind_names() -> list[str]:
    """Return the names of all kinds."""
    folder = Path(__file__).parent
    return sorted(path.parent.name for path in folder.glob("*/kind.py"))
