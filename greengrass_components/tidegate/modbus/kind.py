"""The Modbus adapter as a kind: for the program, and for whoever reads its tag maps."""

from collections.abc import Mapping
from typing import Any

from tidegate.adapter_kind import AdapterKind
from tidegate.errors import GateError
from tidegate.modbus.adapter import ModbusAdapter
from tidegate.modbus.group_plan import GROUP_OPTIONS, TAG_OPTIONS, check_group
from tidegate.modbus.settings import RTU, read_settings


def _line_of(settings: Mapping[str, Any]) -> str:
    """Return the serial line; a device behind TCP may take several connections."""
    try:
        read = read_settings(settings)
    except GateError:
        return ""
    return read.device if read.transport == RTU else ""


KIND = AdapterKind(
    name="modbus",
    make=lambda settings: ModbusAdapter(read_settings(settings)),
    check=check_group,
    tag_options=TAG_OPTIONS,
    group_options=GROUP_OPTIONS,
    writes_texts=True,
    line_of=_line_of,
)
