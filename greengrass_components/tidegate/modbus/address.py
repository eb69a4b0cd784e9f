"""Where a value stands in a device: table, number, and which bits of the register.

`holding:10`, `input:0x1f`, `coil:3`, `discrete:4`, `holding:10.3` (a bit, 0 is the lowest),
`holding:10.4-7` (bits as a number); numbers count from 0, as on the wire. `40011`, `400011`,
`30001`, `10001` and `00001` are the same in the manuals' way, which counts from 1.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from tidegate.modbus.errors import ModbusError

NUMBER_MAX = 65_535
REGISTER_BITS = 16


class Table(IntEnum):
    """A table of a device; the number is the function code that reads it."""

    COIL = 1
    DISCRETE = 2
    HOLDING = 3
    INPUT = 4

    @property
    def is_bits(self) -> bool:
        """Whether its values are bits, and not registers of 16."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def label(self) -> str:
        """Return its name as addresses have it."""
        return self.name.lower()


_NAMES = {
    "coil": Table.COIL, "c": Table.COIL, "discrete": Table.DISCRETE, "d": Table.DISCRETE,
    "holding": Table.HOLDING, "h": Table.HOLDING, "hr": Table.HOLDING,
    "input": Table.INPUT, "i": Table.INPUT, "ir": Table.INPUT,
}  # fmt: skip
_MODICON = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_TEXT = re.compile(r"(\w+):(0x[0-9a-f]+|\d+)(?:\.(\d+)(?:-(\d+))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """`bits` are the lowest and the highest of the register's that count, None for all."""

    table: Table
    number: int
    bits: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.bits is None:
            return f"{self.table.label}:{self.number}"
        low, high = self.bits
        return f"{self.table.label}:{self.number}.{low}" + (f"-{high}" if high > low else "")


def parse_address(text: str) -> Address:
    """Return the address that `text` means; raises `ModbusError`."""
    clean = text.strip().lower()
    if clean.isdecimal():
        return _modicon(clean)
    match = _TEXT.fullmatch(clean)
    if match is None or match[1] not in _NAMES:
        raise ModbusError(
            f"{text!r} is no address: holding:0, input:0, coil:0, discrete:0, holding:0.3 or 40001"
        )
    table, number = _NAMES[match[1]], int(match[2], 0)
    if number > NUMBER_MAX:
        raise ModbusError(f"{text!r}: the last number is {NUMBER_MAX}")
    bits = None
    if match[3]:
        bits = (int(match[3]), int(match[4] or match[3]))
        if table.is_bits:
            raise ModbusError(f"{text!r}: a {table.label} has no bits of its own")
        if not bits[0] <= bits[1] < REGISTER_BITS:
            raise ModbusError(f"{text!r}: a register has bits 0 to {REGISTER_BITS - 1}, low first")
    return Address(table, number, bits)


def parse_ranges(text: str) -> list[tuple[Table, int, int]]:
    """Return (table, first, last) of `holding:100-199, input:7`; raises `ModbusError`."""
    ranges = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        head, dash, last = part.partition("-")
        address = parse_address(head)
        end = int(last, 0) if dash and last.strip().isdecimal() else address.number
        if (dash and not last.strip().isdecimal()) or not address.number <= end <= NUMBER_MAX:
            raise ModbusError(f"{part!r} is no range: holding:100-199")
        ranges.append((address.table, address.number, end))
    return ranges


def _modicon(digits: str) -> Address:
    table = _MODICON.get(digits[0])
    number = int(digits[1:] or "0") - 1
    if len(digits) not in (5, 6) or table is None or not 0 <= number <= NUMBER_MAX:
        raise ModbusError(
            f"{digits!r} is no register number: 00001, 10001, 30001 or 40001, of 5 or 6 digits"
        )
    return Address(table, number)
