"""What to write so that a tag has a value: function, number, registers.

Pure. The real value becomes the raw one, and must fit: a value is never cut or wrapped.
"""

import math
import struct
from dataclasses import dataclass

from tidegate.modbus.address import Table
from tidegate.modbus.errors import ModbusError
from tidegate.modbus.function import Function
from tidegate.modbus.value_type import Coding
from tidegate.sample import Value
from tidegate.tag import Tag

_TRUE, _FALSE = (1, "1", "true", "on"), (0, "0", "false", "off")


@dataclass(frozen=True, slots=True)
class Write:
    """One request. Of function 22 the registers are the and-mask and the or-mask.

    `is_explicit`: the tag map names the function.
    """

    function: Function
    table: Table
    number: int
    registers: tuple[int, ...]
    is_explicit: bool


def write_of(tag: Tag, coding: Coding, value: Value) -> Write:
    """Return what writes `value` to `tag`; raises `ModbusError` where that can't be."""
    address = coding.address
    if address.table not in (Table.COIL, Table.HOLDING):
        raise ModbusError(f"{tag.field} is {address}: that can only be read")
    explicit = tag.options.get("write_function", "")
    registers: tuple[int, ...]
    if address.table is Table.COIL:
        function, registers = Function.WRITE_COIL, (int(_truth(tag, value)),)
    elif address.bits is not None:
        function, registers = Function.MASK_WRITE, _masks(tag, coding, value)
    else:
        registers = _registers(tag, coding, value)
        single = len(registers) == 1
        function = Function.WRITE_REGISTER if single else Function.WRITE_REGISTERS
    if explicit:
        function = Function(int(explicit))
    if function is Function.MASK_WRITE and address.bits is None:
        registers = (0, registers[0])
    elif function is not Function.MASK_WRITE and address.bits is not None:
        raise ModbusError(f"{tag.field}: bits of a register are written by function 22")
    return Write(function, address.table, address.number, registers, bool(explicit))


def _truth(tag: Tag, value: Value) -> bool:
    known = value.lower() if isinstance(value, str) else value
    if known in _TRUE or known in _FALSE:
        return known in _TRUE
    raise ModbusError(f"{tag.field} is true or false, not {value!r}")


def _masks(tag: Tag, coding: Coding, value: Value) -> tuple[int, int]:
    low, high = coding.address.bits or (0, 15)
    most = (1 << (high - low + 1)) - 1
    wanted = int(_truth(tag, value)) if coding.type == "bool" else _whole(tag, value)
    if not 0 <= wanted <= most:
        raise ModbusError(f"{tag.field} takes 0 to {most}, not {value!r}")
    return 0xFFFF ^ (most << low), wanted << low


def _registers(tag: Tag, coding: Coding, value: Value) -> tuple[int, ...]:
    big = ">" + coding.code
    try:
        if coding.type == "string":
            data = _text(tag, coding, value)
        elif coding.is_float:
            data = struct.pack(big, _finite(tag, tag.raw(_number(tag, value))))
        else:
            raw = _whole(tag, value)
            data = struct.pack(big, _bcd(tag, coding, raw) if "bcd" in coding.type else raw)
    except (struct.error, OverflowError) as error:
        raise ModbusError(f"{tag.field}: {coding.type} can't hold {value!r}") from error
    words = [data[place : place + 2] for place in range(0, len(data), 2)]
    if coding.order in ("CDAB", "DCBA"):
        words.reverse()
    swapped = coding.order in ("BADC", "DCBA")
    return tuple(int.from_bytes(word, "little" if swapped else "big") for word in words)


def _number(tag: Tag, value: Value) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # None raises as a text would
    except (TypeError, ValueError):
        raise ModbusError(f"{tag.field} takes a number, not {value!r}") from None


def _finite(tag: Tag, number: float) -> float:
    if not math.isfinite(number):
        raise ModbusError(f"{tag.field} takes a finite number, not {number}")
    return number


def _whole(tag: Tag, value: Value) -> int:
    """Return the raw whole number; one that is a hair beside it by scaling is meant."""
    if isinstance(value, int) and not tag.is_scaled:
        return int(value)
    raw = _finite(tag, tag.raw(_number(tag, value)))
    nearest = round(raw)
    if abs(raw - nearest) > 1e-6 * max(1.0, abs(raw)):
        step = abs(tag.scale)
        raise ModbusError(f"{tag.field} has steps of {step:g}, and {value!r} is between two")
    return nearest


def _bcd(tag: Tag, coding: Coding, raw: int) -> int:
    if not 0 <= raw < 10 ** (4 * coding.registers):
        raise ModbusError(f"{tag.field}: {coding.type} can't hold {raw}")
    return int(str(raw), 16)


def _text(tag: Tag, coding: Coding, value: Value) -> bytes:
    data = str(value).encode()
    length = 2 * coding.registers
    if value is None or len(data) > length:
        raise ModbusError(f"{tag.field} takes {length} bytes of text, not {len(data)}")
    return data.ljust(length, b"\0")
