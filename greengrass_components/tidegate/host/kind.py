"""This machine as a kind of adapter: `adapter: host` in a tag map, without any connection."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.group import Group
from tidegate.host.adapter import HostAdapter, HostError, check_address
from tidegate.setting_reader import SettingReader


def _make(settings: Mapping[str, Any]) -> HostAdapter:
    SettingReader(settings).finish()  # there are none
    return HostAdapter()


def _check(group: Group) -> Iterator[tuple[str, str]]:
    for tag in group.tags:
        try:
            check_address(tag.address)
        except HostError as error:
            yield tag.field, str(error)


KIND = AdapterKind(name="host", make=_make, check=_check, default_connection={})
