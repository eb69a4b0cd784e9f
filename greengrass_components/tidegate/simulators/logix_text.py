"""A STRING of a Logix controller: its value, and the template that says how it is laid out.

A STRING is a structure: `LEN` (DINT) and `DATA` (82 SINT), filled up to 88 bytes. Clients read the
template object (class 0x6C) of a type before they read a tag of it. Publication 1756-PM020.
"""

import struct

TYPE_CODE = 0x8FCE  # a structure of the predefined type 0xFCE
CHARACTERS_MAX = 82
STRUCTURE = b"\xa0\x02" + struct.pack("<H", 0x0FCE)  # in the place of a type's code
_BYTES = 88
_DINT, _SINT_ARRAY = 0xC4, 0x20C2
_TEMPLATE = (
    struct.pack("<HHI", 0, _DINT, 0)
    + struct.pack("<HHI", CHARACTERS_MAX, _SINT_ARRAY, 4)
    + b"ASCIISTRING82;nEBECEAHA\0LEN\0DATA\0"
)


class LogixTextError(ValueError):
    """Bytes that are no STRING."""


def pack(text: str) -> bytes:
    """Return a value as it is read and written."""
    data = text.encode("latin-1")
    return struct.pack("<I", len(data)) + data.ljust(_BYTES - 4, b"\0")


def unpack(data: bytes) -> str:
    """Return the text of a value; raises `LogixTextError`."""
    length = struct.unpack_from("<I", data)[0] if len(data) == _BYTES else CHARACTERS_MAX + 1
    if length > CHARACTERS_MAX:
        raise LogixTextError(f"{len(data)} bytes are no STRING")
    return data[4 : 4 + length].decode("latin-1")


def template_attributes() -> bytes:
    """Return the answer to Get Attribute List: sizes, members, and the structure's handle."""
    words = -(-(len(_TEMPLATE) + 21) // 4)  # as clients reckon the bytes to read from it
    return (
        struct.pack("<H", 4)
        + struct.pack("<HHI", 4, 0, words)
        + struct.pack("<HHI", 5, 0, _BYTES)
        + struct.pack("<HHH", 2, 0, 2)
        + struct.pack("<HHH", 1, 0, 0x0FCE)
    )


def template(offset: int) -> bytes:
    """Return the members and names, from an offset on."""
    return _TEMPLATE[offset:]
