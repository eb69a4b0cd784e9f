"""SNMP as a kind of adapter: `adapter: snmp` in a tag map; a group's unit is an agent."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.group import Group
from tidegate.snmp.adapter import TRAP_OPTION, SnmpAdapter
from tidegate.snmp.errors import SnmpError
from tidegate.snmp.settings import parse_oid, read_settings
from tidegate.snmp.values import TYPES


def _make(settings: Mapping[str, Any]) -> SnmpAdapter:
    return SnmpAdapter(read_settings(settings))


def _line_of(settings: Mapping[str, Any]) -> str:
    port = str(settings.get("trap_port") or "0")
    return "" if port == "0" else f"trap port {port}"


def _check(group: Group) -> Iterator[tuple[str, str]]:
    trap = group.options.get(TRAP_OPTION)
    if trap:
        try:
            parse_oid(trap)
        except SnmpError as error:
            yield "", f"trap {error}"
    elif not group.unit:
        yield "", "unit is missing: the agent's address, as 192.0.2.10 or 192.0.2.10:1161"
    for tag in group.tags:
        try:
            parse_oid(tag.address)
        except SnmpError as error:
            yield tag.field, str(error)
        if tag.type not in TYPES:
            yield tag.field, f"type is {tag.type!r}, not one of {', '.join(TYPES[1:])} or none"


KIND = AdapterKind(
    name="snmp",
    make=_make,
    subscribes=True,
    polls=lambda _, group: TRAP_OPTION not in group.options,
    check=_check,
    plans_requests=True,
    group_options=frozenset({TRAP_OPTION}),
    line_of=_line_of,
)
