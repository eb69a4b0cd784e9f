"""OPC UA as a kind of adapter: `adapter: opcua` in a tag map."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.group import Group
from tidegate.opcua.adapter import OpcuaAdapter
from tidegate.opcua.node_address import check_address
from tidegate.opcua.settings import read_settings
from tidegate.opcua.subscription import deadband_of
from tidegate.opcua.values import STATUS_TYPE


def _make(settings: Mapping[str, Any]) -> OpcuaAdapter:
    return OpcuaAdapter(read_settings(settings))


def _check(group: Group) -> Iterator[tuple[str, str]]:
    for tag in group.tags:
        if why := check_address(tag.address):
            yield tag.field, why
        if tag.type not in ("", STATUS_TYPE):
            yield (
                tag.field,
                f"type is {tag.type!r}, not {STATUS_TYPE} or none: the server knows it",
            )
        text = deadband_of(tag)
        try:
            float(text.rstrip("% ") or "0")
        except ValueError:
            yield tag.field, f"server_deadband {text!r} is not like 0.5 or 1 %, nor no"
        for name, low in (("queue", 1), ("sampling_ms", 0), ("index", 0)):
            value = tag.options.get(name, str(low))
            if not value.isdecimal() or int(value) < low:
                yield tag.field, f"{name} is {value!r}, not a whole number from {low}"


KIND = AdapterKind(
    name="opcua",
    make=_make,
    subscribes=True,
    writes_texts=True,
    check=_check,
    tag_options=frozenset({"index", "queue", "sampling_ms", "server_deadband"}),
)
