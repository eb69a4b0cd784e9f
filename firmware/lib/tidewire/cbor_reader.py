"""Read CBOR (RFC 8949) strictly, without trusting any length it claims.

Flow: payload -> [read] -> dict | list -> decoder | senml
Runs alike on CPython and MicroPython. Read: integers of 64 bits, byte and text strings,
arrays, maps, indefinite lengths, tags (as Tag), false, true, null, undefined (as None), and
floats of 16, 32 and 64 bits. Refused: other simple values, map keys that are not integer,
text or bytes, and duplicate keys.
"""

import struct
from collections import namedtuple

from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import DEPTH_MAX, PAYLOAD_BYTES_MAX
from tidewire.read_errors import WireTruncatedError

Tag = namedtuple("Tag", ("number", "value"))

_BREAK = object()
_INDEFINITE = -1


def read(data: bytes) -> object:
    """Return the one item that `data` holds.

    Raises WireTruncatedError where `data` is the beginning of an item, WireMalformedError
    where it is not CBOR or goes on after it, WireLimitError beyond PAYLOAD_BYTES_MAX or
    DEPTH_MAX.
    """
    if len(data) > PAYLOAD_BYTES_MAX:
        raise WireLimitError("payload bytes", len(data), PAYLOAD_BYTES_MAX)
    value, end = _item(data, 0, 0)
    if value is _BREAK:
        raise WireMalformedError("CBOR break outside an indefinite item")
    if end != len(data):
        raise WireMalformedError(f"{len(data) - end} bytes after the end of the item")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    """Return the item at offset `at` and the offset after it."""
    if depth > DEPTH_MAX:
        raise WireLimitError("CBOR depth", depth, DEPTH_MAX)
    if at >= len(data):
        raise WireTruncatedError(at + 1, len(data))
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return _simple_or_float(data, at, number)
    if number > 23:
        number, at = _argument(data, at, number)
    if number == _INDEFINITE and major in (0, 1, 6):
        raise WireMalformedError("CBOR integer or tag of indefinite length")
    if major <= 1:
        return (~number if major else number), at
    if major <= 3:
        return _string(data, at, major, number)
    if major <= 5:
        return (_array if major == 4 else _map)(data, at, number, depth)
    value, at = _item(data, at, depth + 1)
    if value is _BREAK:
        raise WireMalformedError("CBOR tag without an item")
    return Tag(number, value), at


def _need(data: bytes, end: int) -> None:
    if end > len(data):
        raise WireTruncatedError(end, len(data))


def _argument(data: bytes, at: int, extra: int) -> tuple[int, int]:
    if extra < 24:
        return extra, at
    if extra == 31:
        return _INDEFINITE, at
    if extra > 27:
        raise WireMalformedError(f"CBOR additional information {extra} is reserved")
    end = at + (1 << extra - 24)
    _need(data, end)
    return int.from_bytes(data[at:end], "big"), end


def _string(data: bytes, at: int, major: int, size: int) -> tuple[object, int]:
    if size == _INDEFINITE:
        return _chunks(data, at, major)
    end = at + size
    _need(data, end)
    return (data[at:end] if major == 2 else _text(data[at:end])), end


def _chunks(data: bytes, at: int, major: int) -> tuple[object, int]:
    """Join the definite chunks of an indefinite string; each text chunk is whole UTF-8."""
    parts: list[object] = []
    while True:
        _need(data, at + 1)
        if data[at] == 0xFF:
            at += 1
            break
        if data[at] >> 5 != major or data[at] & 31 == 31:
            raise WireMalformedError("CBOR chunk of another type")
        size, at = _argument(data, at + 1, data[at] & 31)
        part, at = _string(data, at, major, size)
        parts.append(part)
    if major == 2:
        return b"".join(parts), at  # type: ignore[arg-type]  # _string of major 2 is bytes
    return "".join(parts), at  # type: ignore[arg-type]  # and of major 3 str


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeError:
        raise WireMalformedError("CBOR text is not UTF-8") from None


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[object, int]:
    if count != _INDEFINITE:
        _need(data, at + count)  # an item takes a byte: refuse a claim before the loop
    items: list[object] = []
    while count == _INDEFINITE or len(items) < count:
        value, at = _item(data, at, depth + 1)
        if value is _BREAK:
            if count != _INDEFINITE:
                raise WireMalformedError("CBOR break in an array of known length")
            break
        items.append(value)
    return items, at


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[object, int]:
    if count != _INDEFINITE:
        _need(data, at + 2 * count)
    items: dict[object, object] = {}
    while count == _INDEFINITE or len(items) < count:
        key, at = _item(data, at, depth + 1)
        if key is _BREAK and count == _INDEFINITE:
            break
        # type() and not isinstance(): True and 1.0 would be found under the key 1.
        if type(key) not in (int, str, bytes):
            raise WireMalformedError("CBOR map key is not an integer, text or bytes")
        if key in items:
            raise WireMalformedError(f"CBOR map has the key {key!r} twice")
        value, at = _item(data, at, depth + 1)
        if value is _BREAK:
            raise WireMalformedError("CBOR map key without a value")
        items[key] = value
    return items, at


def _simple_or_float(data: bytes, at: int, extra: int) -> tuple[object, int]:
    if extra in (20, 21):
        return extra == 21, at
    if extra in (22, 23):
        return None, at
    if extra == 31:
        return _BREAK, at
    if extra in (25, 26, 27):
        end = at + (1 << extra - 24)
        _need(data, end)
        if extra == 25:
            return _half(data[at] << 8 | data[at + 1]), end
        return struct.unpack(">f" if extra == 26 else ">d", data[at:end])[0], end
    raise WireMalformedError(f"CBOR simple value {extra} is not supported")


def _half(bits: int) -> float:
    """Return the float of 16 bits (RFC 8949, appendix D)."""
    exponent, mantissa = bits >> 10 & 31, bits & 1023
    if exponent == 31:
        value = float("nan") if mantissa else float("inf")
    elif exponent:
        value = (mantissa + 1024) / 1024 * 2.0 ** (exponent - 15)
    else:
        value = mantissa / 16777216.0
    return -value if bits & 0x8000 else value
