"""S7 as a kind of adapter: `adapter: s7` in a tag map, connections `s7://HOST/RACK/SLOT`."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.group import Group
from tidegate.s7.adapter import S7Adapter
from tidegate.s7.address import S7AddressError, parse_address
from tidegate.s7.settings import read_settings


def _make(settings: Mapping[str, Any]) -> S7Adapter:
    return S7Adapter(read_settings(settings))


def _check(group: Group) -> Iterator[tuple[str, str]]:
    if group.unit:
        yield "", f"unit is {group.unit!r}: a controller has one, its rack and slot are of the url"
    for tag in group.tags:
        try:
            parse_address(tag.address, tag.type).check_text(tag.write_characters_max)
        except S7AddressError as error:
            yield tag.field, str(error)


KIND = AdapterKind(name="s7", make=_make, check=_check, plans_requests=True, writes_texts=True)
