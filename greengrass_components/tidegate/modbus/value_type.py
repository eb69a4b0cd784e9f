"""How a value is coded in registers: its type, its length, and the order of its bytes.

Byte orders are named as manuals do, for the 32 bits ABCD: `ABCD` big-endian, `CDAB` words swapped,
`BADC` bytes swapped in each word, `DCBA` little-endian; 64 bits follow the same rule.
"""

from dataclasses import dataclass

from tidegate.modbus.address import Address, parse_address
from tidegate.modbus.errors import ModbusError
from tidegate.tag import Tag

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
STRING_CHARACTERS_MAX = 246  # what fits into one request that writes it
# struct's letter, and registers
NUMBERS = {
    "int16": ("h", 1), "uint16": ("H", 1), "int32": ("i", 2), "uint32": ("I", 2),
    "int64": ("q", 4), "uint64": ("Q", 4), "float16": ("e", 1), "float32": ("f", 2),
    "float64": ("d", 4), "bcd16": ("H", 1), "bcd32": ("I", 2), "bcd64": ("Q", 4),
}  # fmt: skip
TYPES = ("bool", *NUMBERS, "string")


@dataclass(frozen=True, slots=True)
class Coding:
    """A tag as it stands in its device. `code` is struct's format without its byte order.

    `missing` is the raw value that means there is none.
    """

    address: Address
    type: str
    code: str
    registers: int
    order: str
    missing: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether it may be no number."""
        return self.type.startswith("float")

    @property
    def last(self) -> int:
        """Return the last number it takes of its table."""
        return self.address.number + self.registers - 1


def coding_of(tag: Tag, default_order: str = "ABCD") -> Coding:
    """Return how a tag is coded; raises `ModbusError` for what can't be."""
    address = parse_address(tag.address)
    order = (tag.options.get("order") or default_order).upper()
    if order not in ORDERS:
        raise ModbusError(f"order {order!r} is not one of {', '.join(ORDERS)}")
    kind = tag.type.lower() or _default_type(address)
    if kind == "string":  # characters are never reversed as a whole
        order = {"CDAB": "ABCD", "DCBA": "BADC"}.get(order, order)
    if kind not in TYPES:
        raise ModbusError(f"type {tag.type!r} is not one of {', '.join(TYPES)}")
    code, registers = _shape(kind, tag)
    if address.table.is_bits and kind != "bool":
        raise ModbusError(f"a {address.table.label} is a bool, not {kind}")
    if kind == "bool" and not address.table.is_bits:
        if address.bits is None or address.bits[0] != address.bits[1]:
            raise ModbusError(f"a bool of a register is one bit, as {address.table.label}:0.3")
    elif address.bits is not None and kind != "uint16":
        raise ModbusError(f"bits of a register are a bool or, if several, uint16, not {kind}")
    coding = Coding(address, kind, code, registers, order, _missing(tag, kind))
    if coding.last > 65_535:  # noqa: PLR2004  the last number of a table
        raise ModbusError(f"{kind} at {address} goes beyond the last register, 65535")
    if kind in ("bool", "string") and tag.is_scaled:
        raise ModbusError(f"a {kind} takes no scale and no offset")
    _check_text(tag, kind, registers)
    return coding


def _check_text(tag: Tag, kind: str, registers: int) -> None:
    room = 2 * registers if kind == "string" else 0
    if tag.write_characters_max > room:
        raise ModbusError(
            f"write_characters_max is {tag.write_characters_max}: "
            f"a {kind} takes {f'{room} characters at most' if room else 'no text'}"
        )


def decimals_of(tag: Tag) -> int | None:
    """Return to how many decimals a value is rounded; raises `ModbusError`."""
    text = tag.options.get("decimals", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) > 15:  # noqa: PLR2004  what a double has
        raise ModbusError(f"decimals is {text!r}, not 0 to 15")
    return int(text)


def _default_type(address: Address) -> str:
    if address.table.is_bits or (address.bits and address.bits[0] == address.bits[1]):
        return "bool"
    return "uint16"


def _shape(kind: str, tag: Tag) -> tuple[str, int]:
    length = tag.options.get("length", "")
    if kind != "string":
        if length:
            raise ModbusError(f"length is for strings, and this is {kind}")
        return NUMBERS.get(kind, ("H", 1))
    if not length.isdecimal() or not 1 <= int(length) <= STRING_CHARACTERS_MAX:
        raise ModbusError(
            f"a string has length 1 to {STRING_CHARACTERS_MAX} characters, not {length!r}"
        )
    registers = -(-int(length) // 2)
    return f"{2 * registers}s", registers


def _missing(tag: Tag, kind: str) -> int | None:
    """Return the raw value; manuals tell that of a signed number by its bits, as 0x8000."""
    text = tag.options.get("missing", "")
    try:
        value = int(text, 0) if text else None
    except ValueError:
        raise ModbusError(f"missing is {text!r}, not a raw value as 0x8000") from None
    if value is None or kind in ("bool", "string") or kind.startswith("float"):
        return value
    bits = 16 * NUMBERS[kind][1]
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise ModbusError(f"missing is {text}, and {kind} has {bits} bits")
    is_signed = kind.startswith("int")
    return value - (1 << bits) if is_signed and value >= 1 << bits - 1 else value
