"""The Modbus adapter as a kind: for the program, and for whoever reads its tag maps."""

from tidegate.adapter_kind import AdapterKind
from tidegate.modbus.adapter import ModbusAdapter
from tidegate.modbus.group_plan import GROUP_OPTIONS, TAG_OPTIONS, check_group
from tidegate.modbus.settings import read_settings

KIND = AdapterKind(
    name="modbus",
    make=lambda settings: ModbusAdapter(read_settings(settings)),
    check=check_group,
    tag_options=TAG_OPTIONS,
    group_options=GROUP_OPTIONS,
)
