"""CAN as a kind of adapter: `adapter: can` in a tag map, with a DBC file."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.can.adapter import CanAdapter, read_settings
from tidegate.can.address import parse_address
from tidegate.can.errors import CanError
from tidegate.group import Group


def _make(settings: Mapping[str, Any]) -> CanAdapter:
    return CanAdapter(read_settings(settings))


def _check(group: Group) -> Iterator[tuple[str, str]]:
    for tag in group.tags:
        try:
            parse_address(tag.address)
        except CanError as error:
            yield tag.field, str(error)


KIND = AdapterKind(name="can", make=_make, check=_check, file_settings=frozenset({"dbc"}))
