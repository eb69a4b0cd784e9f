"""Write the values of a column that is not of integers: floats, booleans, texts.

No driver of a board has such, so that this is loaded when the first one comes.
"""

import struct
from math import isnan

from tidewire.cbor_writer import ARRAY, BYTES, TAG, write_bytes, write_head, write_text
from tidewire.column import BOOLEAN, FLOAT, TEXT, Column
from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import TEXT_BYTES_MAX
from tidewire.packer import pack_bits

TAG_FLOAT32, TAG_FLOAT64 = 85, 86  # RFC 8746: arrays of little-endian floats


def write_values(out: bytearray, column: Column, values: list[object]) -> None:
    """Append `values`, those of `column` that are there.

    Raises WireLimitError for a text that is too long, WireMalformedError for a value of another
    type than the column's kind, or an unknown kind.
    """
    if column.kind == FLOAT:
        _check_types(column.name, values, float)
        _write_floats(out, values)  # type: ignore[arg-type]  # just checked
    elif column.kind == BOOLEAN:
        _check_types(column.name, values, bool)
        write_bytes(out, pack_bits([1 if value else 0 for value in values]))
    elif column.kind == TEXT:
        _check_types(column.name, values, str)
        write_head(out, ARRAY, len(values))
        for value in values:
            before = len(out)
            write_text(out, value)  # type: ignore[arg-type]  # just checked
            if len(out) - before > TEXT_BYTES_MAX + 3:  # its head has three bytes by then
                raise WireLimitError("text bytes", len(out) - before - 3, TEXT_BYTES_MAX)
    else:
        raise WireMalformedError(f"{column.name} is of unknown kind {column.kind!r}")


def _write_floats(out: bytearray, values: list[float]) -> None:
    wide = any(not _fits_float32(value) for value in values)
    write_head(out, TAG, TAG_FLOAT64 if wide else TAG_FLOAT32)
    write_head(out, BYTES, len(values) * (8 if wide else 4))
    for value in values:
        out.extend(struct.pack("<d" if wide else "<f", value))


def _fits_float32(value: float) -> bool:
    try:
        # Not a number is unequal to itself, and keeps its meaning in 32 bits.
        return struct.unpack("<f", struct.pack("<f", value))[0] == value or isnan(value)
    except OverflowError:  # CPython's word for too large; MicroPython packs infinity
        return False


def _check_types(name: str, values: list[object], wanted: type) -> None:
    for value in values:
        if type(value) is not wanted:
            raise WireMalformedError(f"{name} has a {type(value)} for a {wanted}")
