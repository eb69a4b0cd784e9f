"""EtherNet/IP as a kind of adapter: `adapter: ethernetip`, connections `enip://HOST/SLOT`."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.ethernetip.adapter import EthernetIpAdapter, check_address
from tidegate.ethernetip.errors import EthernetIpError
from tidegate.ethernetip.settings import read_settings
from tidegate.group import Group


def _make(settings: Mapping[str, Any]) -> EthernetIpAdapter:
    return EthernetIpAdapter(read_settings(settings))


def _check(group: Group) -> Iterator[tuple[str, str]]:
    if group.unit:
        yield "", f"unit is {group.unit!r}: a controller has one, its slot is of the url"
    for tag in group.tags:
        try:
            check_address(tag.address)
        except EthernetIpError as error:
            yield tag.field, str(error)


KIND = AdapterKind(
    name="ethernetip", make=_make, check=_check, plans_requests=True, writes_texts=True
)
