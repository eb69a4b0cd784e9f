"""Write CBOR (RFC 8949): what a batch needs, in the shortest form of each head.

Runs alike on CPython and MicroPython. Everything appends to a bytearray.
"""

import struct

from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import DEPTH_MAX, INTEGER_MAX, INTEGER_MIN

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG = range(7)


def write_head(out: bytearray, major: int, number: int) -> None:
    """Append the head of an item: its major type (0 to 6) and its argument, below 2**64."""
    major <<= 5
    if number < 24:
        out.append(major | number)
        return
    size, extra = 1, 24
    while number >> 8 * size:
        size, extra = size * 2, extra + 1
    out.append(major | extra)
    for shift in range(8 * size - 8, -8, -8):
        out.append(number >> shift & 0xFF)


def write_integer(out: bytearray, number: int) -> None:
    """Append `number`, of 64 bits at most and a sign."""
    write_head(out, UNSIGNED if number >= 0 else NEGATIVE, number if number >= 0 else ~number)


def write_bytes(out: bytearray, data: bytes | bytearray) -> None:
    """Append a string of bytes."""
    write_head(out, BYTES, len(data))
    out.extend(data)


def write_text(out: bytearray, text: str) -> None:
    """Append a string of text. Raises WireMalformedError for a lone surrogate."""
    raw = _utf8(text)
    write_head(out, TEXT, len(raw))
    out.extend(raw)


def write(out: bytearray, value: object, depth: int = 0) -> None:
    """Append `value`: None, bool, int of 64 bits, float, str, bytes, list, tuple or dict.

    Floats are 64 bits wide. Dicts are written in the order of their sorted keys, since
    MicroPython keeps no order. Raises WireMalformedError or WireLimitError.
    """
    if depth > DEPTH_MAX:
        raise WireLimitError("CBOR depth", depth, DEPTH_MAX)
    if value is None:
        out.append(0xF6)
    elif value is True or value is False:
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise WireLimitError("integer", value, INTEGER_MAX)
        write_integer(out, value)
    elif isinstance(value, float):
        out.append(0xFB)
        out.extend(struct.pack(">d", value))
    elif isinstance(value, str):
        write_text(out, value)
    elif isinstance(value, (bytes, bytearray)):
        write_bytes(out, value)
    else:
        _write_container(out, value, depth)


def _write_container(out: bytearray, value: object, depth: int) -> None:
    if isinstance(value, (list, tuple)):
        write_head(out, ARRAY, len(value))
        for item in value:
            write(out, item, depth + 1)
    elif isinstance(value, dict):
        write_head(out, MAP, len(value))
        for key in sorted(value):
            write(out, key, depth + 1)
            write(out, value[key], depth + 1)
    else:
        raise WireMalformedError("CBOR cannot hold a %s" % type(value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeError:
        raise WireMalformedError("text has a lone surrogate") from None
