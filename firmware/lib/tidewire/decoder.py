"""Read a batch from bytes; SPEC.md has the format.

Flow: record -> [decode] -> rows
Runs alike on CPython and MicroPython. Counts are checked before anything is as long.
"""

import struct

from tidewire.batch import Batch
from tidewire.cbor_reader import Tag, read
from tidewire.column import BOOLEAN, DECIMAL, FLOAT, INTEGER, TEXT, Column
from tidewire.encoder import (
    KEY_BOOT,
    KEY_COLUMNS,
    KEY_COUNT,
    KEY_MEASUREMENT,
    KEY_SEQUENCE,
    KEY_SITE,
    KEY_THING,
    KEY_TIME,
    KEY_TIMES,
    KEY_VERSION,
    VERSION,
)
from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import (
    COLUMNS_MAX,
    COUNTER_MAX,
    DECIMALS_MAX,
    NAME_BYTES_MAX,
    SAMPLES_MAX,
    TEXT_BYTES_MAX,
    TIME_MS_MAX,
    VALUES_MAX,
)
from tidewire.names import check_field, check_measurement, check_site, check_thing
from tidewire.other_kinds import TAG_FLOAT32, TAG_FLOAT64
from tidewire.read_errors import WireTruncatedError, WireVersionError
from tidewire.unpacker import unpack, unpack_bits


def decode(data: bytes) -> Batch:
    """Return the Batch that `data` holds.

    Raises WireTruncatedError where `data` is the beginning of a payload, WireVersionError
    for an unknown version, WireLimitError beyond `tidewire.limits`, else WireMalformedError.
    """
    data = bytes(data)
    if not data:
        raise WireTruncatedError(1, 0)
    if data[0] >> 5 != 5:
        raise WireMalformedError(f"a batch does not begin with 0x{data[0]:02x}")
    item = read(data)
    if not isinstance(item, dict):
        raise WireMalformedError("a batch is a CBOR map")
    version = item.get(KEY_VERSION)
    if type(version) is not int or version != VERSION:
        raise WireVersionError(version)
    count = _integer(item, KEY_COUNT, SAMPLES_MAX)
    columns = item.get(KEY_COLUMNS)
    if not isinstance(columns, list) or not columns or not count:
        raise WireMalformedError("a batch has neither samples nor columns")
    if len(columns) > COLUMNS_MAX:
        raise WireLimitError("columns", len(columns), COLUMNS_MAX)
    if len(columns) * count > VALUES_MAX:
        raise WireLimitError("values", len(columns) * count, VALUES_MAX)
    return Batch(
        check_site(item.get(KEY_SITE)),
        check_thing(item.get(KEY_THING)),
        check_measurement(item.get(KEY_MEASUREMENT)),
        _integer(item, KEY_BOOT, COUNTER_MAX),
        _integer(item, KEY_SEQUENCE, COUNTER_MAX),
        _times_ms(_integer(item, KEY_TIME, TIME_MS_MAX), item.get(KEY_TIMES), count),
        _columns(columns, count),
    )


def _integer(item: dict[object, object], key: int, limit: int) -> int:
    value = item.get(key)
    if type(value) is not int or value < 0:
        raise WireMalformedError(f"key {key} of a batch is not an unsigned integer")
    if value > limit:
        raise WireLimitError(f"key {key} of a batch", value, limit)
    return value


def _times_ms(base_ms: int, block: object, count: int) -> list[int]:
    if not isinstance(block, bytes):
        raise WireMalformedError("times are not a byte string")
    times_ms = [base_ms + offset_ms for offset_ms in unpack(block, count)]
    if times_ms[0] != base_ms or times_ms != sorted(times_ms):
        raise WireMalformedError("times descend or do not begin at the base")
    if times_ms[-1] > TIME_MS_MAX:
        raise WireLimitError("time", times_ms[-1], TIME_MS_MAX)
    return times_ms


def _columns(items: list[object], count: int) -> list[Column]:
    columns: list[Column] = []
    names: list[str] = []
    for item in items:
        if not isinstance(item, list) or not 3 <= len(item) <= 4:
            raise WireMalformedError("a column is not an array of three or four items")
        name = _name(item[0], names)
        if name in names:
            raise WireMalformedError(f"field {name!r} is there twice")
        names.append(name)
        columns.append(_column(name, item, count))
    return columns


def _name(text: object, names: list[str]) -> str:
    """Return the field name; a text that begins with a digit repeats part of an earlier one."""
    if isinstance(text, str) and len(text) >= 2 and "1" <= text[0] <= "9":
        back, shared = ord(text[0]) - 48, ord(text[1]) - 48
        if back > len(names) or not 0 < shared <= min(len(names[-back]), NAME_BYTES_MAX):
            raise WireMalformedError("a field's name repeats what is not there")
        text = names[-back][:shared] + text[2:]
    return check_field(text)


def _column(name: str, item: list[object], count: int) -> Column:
    kind = item[1]
    if type(kind) is not int or kind < TEXT:
        raise WireMalformedError(f"{name} is of unknown kind {kind!r}")
    if kind > DECIMALS_MAX:
        raise WireLimitError("decimals", kind, DECIMALS_MAX)
    nulls: list[int] = []
    present = count
    if len(item) == 4:
        nulls = unpack_bits(_bytes(name, item[3]), count)
        present -= sum(nulls)
        if present == count:
            raise WireMalformedError(f"{name} has nulls of which none is one")
    values = _values(name, kind, item[2], present)
    if nulls:
        rest = iter(values)
        values = [None if null else next(rest) for null in nulls]
    return Column(name, min(kind, DECIMAL), max(kind, 0), values)


def _values(name: str, kind: int, body: object, count: int) -> list[object]:
    if kind >= INTEGER:
        return unpack(_bytes(name, body), count)  # type: ignore[return-value]  # of int
    if kind == BOOLEAN:
        return [bit == 1 for bit in unpack_bits(_bytes(name, body), count)]
    if kind == FLOAT:
        return _floats(name, body, count)
    if not isinstance(body, list) or len(body) != count:
        raise WireMalformedError(f"{name} is not an array of {count} texts")
    for text in body:
        if not isinstance(text, str):
            raise WireMalformedError(f"{name} has a {type(text)} for a text")
        if len(text.encode()) > TEXT_BYTES_MAX:
            raise WireLimitError("text bytes", len(text.encode()), TEXT_BYTES_MAX)
    return body


def _floats(name: str, body: object, count: int) -> list[object]:
    if not isinstance(body, Tag) or body.number not in (TAG_FLOAT32, TAG_FLOAT64):
        raise WireMalformedError(f"{name} is not a typed array of floats")
    code, size = ("f", 4) if body.number == TAG_FLOAT32 else ("d", 8)
    data = _bytes(name, body.value)
    if len(data) != count * size:
        raise WireMalformedError(f"{name} has {len(data)} bytes for {count} floats")
    return list(struct.unpack(f"<{count}{code}", data))


def _bytes(name: str, value: object) -> bytes:
    if not isinstance(value, bytes):
        raise WireMalformedError(f"{name} has no byte string where one belongs")
    return value
