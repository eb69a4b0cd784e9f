"""BACnet as a kind of adapter: `adapter: bacnet` in a tag map; a group's unit is a device."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.bacnet.adapter import BacnetAdapter, read_settings
from tidegate.bacnet.address import BacnetError, parse_address
from tidegate.group import Group

_PRIORITIES = tuple(str(priority) for priority in range(1, 17))


def _make(settings: Mapping[str, Any]) -> BacnetAdapter:
    return BacnetAdapter(read_settings(settings))


def _check(group: Group) -> Iterator[tuple[str, str]]:
    if not group.unit:
        yield "", "unit is missing: a device's address, as 192.0.2.10, or its instance"
    for tag in group.tags:
        try:
            parse_address(tag.address)
        except BacnetError as error:
            yield tag.field, str(error)
        if tag.options.get("priority", "16") not in _PRIORITIES:
            yield tag.field, f"priority is {tag.options['priority']!r}, not 1 to 16"


KIND = AdapterKind(
    name="bacnet",
    make=_make,
    subscribes=True,
    polls=lambda settings, _: not read_settings(settings).cov,
    check=_check,
    plans_requests=True,
    tag_options=frozenset({"priority"}),
)
