"""Write a batch as bytes; SPEC.md has the format.

Flow: batcher -> [encode] -> outbox
Runs alike on CPython and MicroPython, byte for byte. Needs neither decoder nor foreign.
"""

import struct
from math import isnan

from tidewire.batch import Batch
from tidewire.cbor_writer import ARRAY, BYTES, MAP, TAG, write, write_head
from tidewire.column import BOOLEAN, DECIMAL, FLOAT, INTEGER, TEXT, Column
from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import (
    COLUMNS_MAX,
    COUNTER_MAX,
    DECIMALS_MAX,
    INTEGER_MAX,
    INTEGER_MIN,
    PAYLOAD_BYTES_MAX,
    SAMPLES_MAX,
    TEXT_BYTES_MAX,
    TIME_MS_MAX,
    VALUES_MAX,
)
from tidewire.names import check_field, check_measurement, check_site, check_thing
from tidewire.packer import pack, pack_bits

VERSION = 1
# Keys of the map.
(
    KEY_VERSION,
    KEY_SITE,
    KEY_THING,
    KEY_MEASUREMENT,
    KEY_BOOT,
    KEY_SEQUENCE,
    KEY_TIME,
    KEY_COUNT,
    KEY_TIMES,
    KEY_COLUMNS,
) = range(10)
TAG_FLOAT32, TAG_FLOAT64 = 85, 86  # RFC 8746: arrays of little-endian floats
_NAMES_BACK_MAX = 4  # the format allows 9; further back rarely shares more


def encode(batch: Batch) -> bytes:
    """Return the payload of `batch`.

    Raises WireLimitError for a size or number outside `tidewire.limits`, WireMalformedError
    for a wrong name, a value of another type than its column's kind, times that descend,
    or a batch without boot and sequence.
    """
    times_ms, columns = batch.times_ms, batch.columns
    count = len(times_ms)
    _check_shape(count, columns)
    _check_times(times_ms)
    out = bytearray()
    write_head(out, MAP, 10)
    for key, value in (
        (KEY_VERSION, VERSION),
        (KEY_SITE, check_site(batch.site)),
        (KEY_THING, check_thing(batch.thing)),
        (KEY_MEASUREMENT, check_measurement(batch.measurement)),
        (KEY_BOOT, _checked_int("boot", batch.boot, 0, COUNTER_MAX)),
        (KEY_SEQUENCE, _checked_int("sequence", batch.sequence, 0, COUNTER_MAX)),
        (KEY_TIME, times_ms[0]),
        (KEY_COUNT, count),
    ):
        write(out, key)
        write(out, value)
    write(out, KEY_TIMES)
    write(out, pack([time_ms - times_ms[0] for time_ms in times_ms]))
    write(out, KEY_COLUMNS)
    write_head(out, ARRAY, len(columns))
    names: list[str] = []
    for column in columns:
        name = check_field(column.name)
        if name in names:
            raise WireMalformedError(f"field {name!r} is there twice")
        _write_column(out, column, count, _shortened(name, names))
        names.append(name)
    if len(out) > PAYLOAD_BYTES_MAX:
        raise WireLimitError("payload bytes", len(out), PAYLOAD_BYTES_MAX)
    return bytes(out)


def _check_shape(count: int, columns: list[Column]) -> None:
    for what, value, limit in (
        ("samples", count, SAMPLES_MAX),
        ("columns", len(columns), COLUMNS_MAX),
        ("values", count * len(columns), VALUES_MAX),
    ):
        if value > limit:
            raise WireLimitError(what, value, limit)
        if not value:
            raise WireMalformedError(f"a batch has no {what}")


def _check_times(times_ms: list[int]) -> None:
    before_ms = 0
    for time_ms in times_ms:
        _checked_int("time", time_ms, 0, TIME_MS_MAX)
        if time_ms < before_ms:
            raise WireMalformedError(f"time {time_ms} is after {before_ms}")
        before_ms = time_ms


def _checked_int(what: str, value: object, low: int, high: int) -> int:
    if type(value) is not int:  # bool is no number here
        raise WireMalformedError(f"{what} is not an integer: {type(value)}")
    if not low <= value <= high:
        raise WireLimitError(what, value, low if value < low else high)
    return value


def _shortened(name: str, names: list[str]) -> str:
    """Return `name`, or how far back and how much of an earlier name it repeats, and the rest."""
    best, kept = name, 2  # what is shared has to win more than the two characters cost
    for back in range(1, min(len(names), _NAMES_BACK_MAX) + 1):
        earlier = names[-back]
        shared = 0
        for one, other in zip(name, earlier):  # noqa: B905  # no strict= on MicroPython
            if one != other:
                break
            shared += 1
        if shared > kept:
            best, kept = f"{back}{chr(48 + shared)}{name[shared:]}", shared
    return best


def _write_column(out: bytearray, column: Column, count: int, name: str) -> None:
    if len(column.values) != count:
        raise WireMalformedError(f"{column.name} has {len(column.values)} values of {count}")
    _checked_int("decimals", column.decimals, 0, DECIMALS_MAX if column.kind == DECIMAL else 0)
    values = column.values
    if None in values:
        values = [value for value in values if value is not None]
    write_head(out, ARRAY, 3 if len(values) == count else 4)
    write(out, name)
    write(out, column.decimals if column.kind == DECIMAL else column.kind)
    _write_values(out, column, values)
    if len(values) != count:
        write(out, pack_bits([1 if value is None else 0 for value in column.values]))


def _write_values(out: bytearray, column: Column, values: list[object]) -> None:
    if column.kind in (DECIMAL, INTEGER):
        for value in values:
            _checked_int(column.name, value, INTEGER_MIN, INTEGER_MAX)
        write(out, pack(values))  # type: ignore[arg-type]  # just checked
    elif column.kind == FLOAT:
        _check_types(column.name, values, float)
        _write_floats(out, values)  # type: ignore[arg-type]  # just checked
    elif column.kind == BOOLEAN:
        _check_types(column.name, values, bool)
        write(out, pack_bits([1 if value else 0 for value in values]))
    elif column.kind == TEXT:
        _check_types(column.name, values, str)
        write_head(out, ARRAY, len(values))
        for value in values:
            before = len(out)
            write(out, value)
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
