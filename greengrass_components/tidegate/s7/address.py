"""Addresses of S7 values as engineers write them, and how their bytes are read.

`DB2.DBD0:REAL`, `DB1.DBX38.1`, `DB5.DBB10:STRING[20]`, `MW20`, `M10.3`, `IW4`, `E0.1`, `QD8`. The
letters of a size give a type that `:TYPE` (or the tag's own type) replaces: B is an unsigned
byte, W an unsigned word, D an unsigned double word. Pure.
"""

import re
import struct
from dataclasses import dataclass
from datetime import datetime

from tidegate.errors import GateError
from tidegate.float32 import shortest
from tidegate.sample import Value

STRING_CHARACTERS_MAX = 254
_PATTERN = re.compile(
    r"(?:DB(?P<block>\d{1,5})\.DB|(?P<area>[MIEQA]))(?P<size>[XBWD]?)(?P<byte>\d{1,5})"
    r"(?:\.(?P<bit>\d{1,2}))?(?::(?P<type>[A-Z_0-9]+)(?:\[(?P<count>\d{1,3})\])?)?",
    re.IGNORECASE,
)
_AREAS = {"M": "MK", "I": "PE", "E": "PE", "Q": "PA", "A": "PA"}  # E, A: the German letters
_SIZES = {"": "BOOL", "X": "BOOL", "B": "BYTE", "W": "WORD", "D": "DWORD"}
_FORMATS = {
    "BYTE": ">B", "USINT": ">B", "UINT8": ">B", "SINT": ">b", "INT8": ">b",
    "WORD": ">H", "UINT": ">H", "UINT16": ">H", "INT": ">h", "INT16": ">h",
    "DWORD": ">I", "UDINT": ">I", "UINT32": ">I", "DINT": ">i", "INT32": ">i", "TIME": ">i",
    "REAL": ">f", "FLOAT32": ">f", "LREAL": ">d", "FLOAT64": ">d",
    "LWORD": ">Q", "ULINT": ">Q", "UINT64": ">Q", "LINT": ">q", "INT64": ">q",
}  # fmt: skip
_DATE_BYTES = 8


class S7AddressError(GateError):
    """An address that no controller has, or a value that does not fit there."""


@dataclass(frozen=True, slots=True)
class S7Address:
    """Where a value stands: `area` DB, MK, PE or PA; `kind` BOOL, STRING, CHAR,
    DATE_AND_TIME or a number's type; `characters` of a text at most."""

    area: str
    block: int
    byte: int
    kind: str
    bit: int = 0
    characters: int = 0

    @property
    def size_bytes(self) -> int:
        """Return how many bytes it takes."""
        if self.kind == "STRING":
            return 2 + self.characters
        if self.kind == "CHAR":
            return self.characters
        if self.kind == "DATE_AND_TIME":
            return _DATE_BYTES
        return 1 if self.kind == "BOOL" else struct.calcsize(_FORMATS[self.kind])

    def check_text(self, characters_max: int) -> None:
        """Raise `S7AddressError` where texts of up to `characters_max` don't fit; 0 always does."""
        if characters_max > self.characters:
            room = f"{self.characters} characters at most" if self.characters else "no text"
            raise S7AddressError(
                f"write_characters_max is {characters_max}: {self.kind} takes {room}"
            )

    def decode(self, data: bytes) -> Value:
        """Return the value in its `size_bytes`; raises `S7AddressError` where none can be."""
        if self.kind == "BOOL":
            return bool(data[0] >> self.bit & 1)
        if self.kind == "STRING":
            return bytes(data[2 : 2 + min(data[1], self.characters)]).decode("latin-1")
        if self.kind == "CHAR":
            return bytes(data).decode("latin-1").rstrip("\x00 ")
        if self.kind == "DATE_AND_TIME":
            return _date(data)
        form = _FORMATS[self.kind]
        value: int | float = struct.unpack(form, data)[0]
        return shortest(value) if form == ">f" else value

    def encode(self, value: Value) -> bytes:
        """Return the bytes of `value`, a bit as one byte; raises `S7AddressError`."""
        try:
            if self.kind == "BOOL":
                return bytes([bool(value)])
            if self.kind in ("STRING", "CHAR"):
                text = str(value).encode("latin-1")
                if len(text) > self.characters:
                    raise ValueError(f"{len(text)} characters, {self.characters} at most")
                if self.kind == "CHAR":
                    return text.ljust(self.characters)
                return bytes([self.characters, len(text)]) + text
            form = _FORMATS.get(self.kind)
            if form is None or not isinstance(value, int | float):
                raise ValueError(f"{self.kind} can't be written from {type(value).__name__}")
            if form[1] in "fd":
                return struct.pack(form, value)
            if int(value) != value:
                raise ValueError("it is not whole")
            return struct.pack(form, int(value))
        except (ValueError, struct.error, OverflowError) as error:
            raise S7AddressError(f"{value!r} does not fit {self.kind}: {error}") from error


def parse_address(text: str, type_name: str = "") -> S7Address:
    """Return the address in `text`; `type_name`, if any, replaces the type in it.

    Raises `S7AddressError` saying what an address looks like.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise S7AddressError(
            f"{text!r} is no S7 address, as in DB2.DBD0:REAL, DB1.DBX4.7, MW20, I0.1"
        )
    size = match["size"].upper()
    kind = (type_name or match["type"] or _SIZES[size]).upper()
    count = match["count"]
    if "[" in kind:
        kind, _, rest = kind.partition("[")
        count = rest.rstrip("]")
    if kind != "BOOL" and kind not in _FORMATS and kind not in ("STRING", "CHAR", "DATE_AND_TIME"):
        known = ", ".join(["BOOL", "STRING[n]", "CHAR[n]", "DATE_AND_TIME", *_FORMATS])
        raise S7AddressError(f"{text}: no type {kind}; there are {known}")
    bit = int(match["bit"] or 0)
    is_bit = size in ("", "X")
    if is_bit != (match["bit"] is not None) or bit > 7 or (kind == "BOOL") != is_bit:  # noqa: PLR2004  bits of a byte
        raise S7AddressError(f"{text}: a bit has byte and bit 0 to 7, as DB1.DBX4.7 has")
    characters = int(count or 0) if kind in ("STRING", "CHAR") else 0
    if kind in ("STRING", "CHAR"):
        characters = characters or (STRING_CHARACTERS_MAX if kind == "STRING" else 1)
        if characters > STRING_CHARACTERS_MAX:
            raise S7AddressError(f"{text}: {STRING_CHARACTERS_MAX} characters at most")
    area = "DB" if match["block"] else _AREAS[match["area"].upper()]
    return S7Address(area, int(match["block"] or 0), int(match["byte"]), kind, bit, characters)


def _date(data: bytes) -> str:
    """Return ISO 8601 of a DATE_AND_TIME: eight bytes of BCD, years 1990 to 2089."""
    digits = [(byte >> 4) * 10 + (byte & 15) for byte in data]
    year, month, day, hour, minute, second, hundredths = digits[:7]
    millisecond = hundredths * 10 + (data[7] >> 4)
    century = 1900 if year >= 90 else 2000  # noqa: PLR2004  as Siemens has it
    try:
        moment = datetime(century + year, month, day, hour, minute, second, millisecond * 1000)
    except ValueError as error:
        raise S7AddressError(f"no date in {bytes(data).hex()}: {error}") from error
    return moment.isoformat(timespec="milliseconds")
