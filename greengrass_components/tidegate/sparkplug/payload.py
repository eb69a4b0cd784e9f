"""Read and write Sparkplug B payloads (Eclipse Sparkplug 3.0, chapter 6.4; protobuf of Tahu).

Own, since the packages there are pin an old MQTT client or protobuf. Unknown fields are
skipped, as protobuf has it; data sets, templates and arrays are kept as their bytes.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from tidegate.errors import GateError
from tidegate.float32 import shortest

PAYLOAD_BYTES_MAX = 1 << 20  # a birth of thousands of metrics is a fifth of it
METRICS_MAX = 20_000
_VARINT_BYTES_MAX = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Numbers of the schema's fields: of a payload, of a metric, of a set of properties.
_AT, _METRIC, _SEQUENCE = 1, 2, 3
_NAME, _ALIAS, _METRIC_AT, _DATA_TYPE, _HISTORICAL, _TRANSIENT, _NULL, _PROPERTIES = (
    1, 2, 3, 4, 5, 6, 7, 9,
)  # fmt: skip
_KEYS, _VALUES_OF_KEYS = 1, 2


class DataType(IntEnum):
    """How a metric's value is to be understood; arrays and unknown numbers are `OTHER`."""

    OTHER = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19


_SIGNED_BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED_BITS = {
    DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64,
    DataType.DATETIME: 64,
}  # fmt: skip

Value = int | float | bool | str | bytes | None


class SparkplugError(GateError):
    """The payload is no Sparkplug B payload, or larger than we take."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is empty where only `alias` tells it; `quality` is the property of that
    name (0 bad, 192 good, 500 stale), None where there is none."""

    name: str = ""
    alias: int | None = None
    at_ms: int | None = None
    data_type: DataType = DataType.OTHER
    value: Value = None
    historical: bool = False
    transient: bool = False
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload; `sequence` counts 0 to 255 and then again from 0, None in a death."""

    at_ms: int | None
    sequence: int | None
    metrics: tuple[Metric, ...]


def decode(data: bytes) -> Payload:
    """Return the payload in `data`; raises `SparkplugError`."""
    if len(data) > PAYLOAD_BYTES_MAX:
        raise SparkplugError(f"{len(data)} bytes, {PAYLOAD_BYTES_MAX} at most")
    at_ms: int | None = None
    sequence: int | None = None
    metrics: list[Metric] = []
    for number, value in _fields(data):
        if number == _AT:
            at_ms = _integer(value)
        elif number == _METRIC:
            metrics.append(_metric(_bytes(value)))
            if len(metrics) > METRICS_MAX:
                raise SparkplugError(f"more than {METRICS_MAX} metrics")
        elif number == _SEQUENCE:
            sequence = _integer(value)
    return Payload(at_ms, sequence, tuple(metrics))


def encode(payload: Payload) -> bytes:
    """Return the bytes of `payload`, as a node or a host sends them."""
    out = bytearray()
    if payload.at_ms is not None:
        out += _tag(1, _VARINT) + _varint(payload.at_ms)
    for metric in payload.metrics:
        body = _metric_bytes(metric)
        out += _tag(2, _BYTES) + _varint(len(body)) + body
    if payload.sequence is not None:
        out += _tag(3, _VARINT) + _varint(payload.sequence)
    return bytes(out)


def _metric(data: bytes) -> Metric:
    facts: dict[int, int | bytes] = {}
    for number, value in _fields(data):
        facts[number] = value
    try:
        data_type = DataType(_integer(facts.get(_DATA_TYPE, 0)))
    except ValueError:
        data_type = DataType.OTHER
    return Metric(
        name=_text(facts.get(_NAME, b"")),
        alias=_integer(facts[_ALIAS]) if _ALIAS in facts else None,
        at_ms=_integer(facts[_METRIC_AT]) if _METRIC_AT in facts else None,
        data_type=data_type,
        value=None if facts.get(_NULL) else _value(facts),
        historical=bool(facts.get(_HISTORICAL)),
        transient=bool(facts.get(_TRANSIENT)),
        quality=_quality(_bytes(facts[_PROPERTIES])) if _PROPERTIES in facts else None,
    )


def _value(facts: dict[int, int | bytes]) -> Value:
    """Return what stands in the oneof, unsigned as it is on the wire; see `typed`."""
    for number in range(10, 20):
        if number in facts:
            return _VALUES[number](facts[number])
    return None


def typed(value: Value, data_type: DataType) -> Value:
    """Return `value` as its type has it: signed where the type is, which a birth tells.

    Raises `SparkplugError` when the value can't be of the type.
    """
    if value is None:
        return None
    signed, unsigned = _SIGNED_BITS.get(data_type), _UNSIGNED_BITS.get(data_type)
    if signed or unsigned:
        if not isinstance(value, int) or isinstance(value, bool):
            raise SparkplugError(f"{data_type.name} holds {type(value).__name__}")
        bits = signed or unsigned or 0
        value &= (1 << bits) - 1
        return value - (1 << bits) if signed and value >> (bits - 1) else value
    if data_type is DataType.BOOLEAN:
        return bool(value)
    if data_type in (DataType.FLOAT, DataType.DOUBLE) and not isinstance(value, float):
        raise SparkplugError(f"{data_type.name} holds {type(value).__name__}")
    return value


def _quality(data: bytes) -> int | None:
    keys: list[str] = []
    values: list[bytes] = []
    for number, value in _fields(data):
        if number == _KEYS:
            keys.append(_text(value))
        elif number == _VALUES_OF_KEYS:
            values.append(_bytes(value))
    for key, packed in zip(keys, values, strict=False):  # a short list is the sender's mistake
        if key.lower() == "quality":
            facts = dict(_fields(packed))
            found = facts.get(3, facts.get(4))
            return _integer(found) if found is not None else None
    return None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field: an int for a varint, bytes for the rest."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _read_varint(data, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise SparkplugError(f"field {number} has wire type {wire}")
        if position + size > len(data):
            raise SparkplugError(f"field {number} needs {size} bytes, {len(data) - position} left")
        yield number, data[position : position + size]
        position += size


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise SparkplugError("it ends inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the continuation bit
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
        if shift >= 7 * _VARINT_BYTES_MAX:
            raise SparkplugError(f"a number of more than {_VARINT_BYTES_MAX} bytes")


def _integer(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    raise SparkplugError("bytes where a number belongs")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise SparkplugError("a number where bytes belong")


def _fixed(value: int | bytes, size: int) -> bytes:
    if len(data := _bytes(value)) == size:
        return data
    raise SparkplugError(f"{len(data)} bytes where {size} belong")


def _text(value: int | bytes) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError as error:
        raise SparkplugError(f"a text that is no UTF-8: {error}") from error


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _metric_bytes(metric: Metric) -> bytes:
    out = bytearray()
    if metric.name:
        name = metric.name.encode()
        out += _tag(1, _BYTES) + _varint(len(name)) + name
    for number, fact in ((2, metric.alias), (3, metric.at_ms)):
        if fact is not None:
            out += _tag(number, _VARINT) + _varint(fact)
    if metric.data_type is not DataType.OTHER:
        out += _tag(4, _VARINT) + _varint(metric.data_type)
    for number, set_ in ((5, metric.historical), (6, metric.transient)):
        if set_:
            out += _tag(number, _VARINT) + b"\x01"
    if metric.quality is not None:
        value = _tag(1, _VARINT) + _varint(DataType.INT32) + _tag(3, _VARINT)
        value += _varint(metric.quality)
        pairs = _tag(1, _BYTES) + b"\x07Quality" + _tag(2, _BYTES) + _varint(len(value)) + value
        out += _tag(9, _BYTES) + _varint(len(pairs)) + pairs
    return bytes(out + _value_bytes(metric))


def _value_bytes(metric: Metric) -> bytes:
    value, data_type = metric.value, metric.data_type
    if value is None:
        return _tag(7, _VARINT) + b"\x01"
    if isinstance(value, bool):
        return _tag(14, _VARINT) + _varint(value)
    if isinstance(value, int):
        wide = data_type in (DataType.INT64, DataType.UINT64, DataType.UINT32, DataType.DATETIME)
        bits = 64 if wide else 32
        return _tag(11 if wide else 10, _VARINT) + _varint(value & (1 << bits) - 1)
    if isinstance(value, float):
        if data_type is DataType.FLOAT:
            return _tag(12, _FIXED32) + struct.pack("<f", value)
        return _tag(13, _FIXED64) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return _tag(15 if isinstance(value, str) else 16, _BYTES) + _varint(len(data)) + data


# The numbers of the oneof `value`, and what reads each.
_VALUES: dict[int, Callable[[int | bytes], Value]] = {
    10: _integer,
    11: _integer,
    12: lambda value: shortest(struct.unpack("<f", _fixed(value, 4))[0]),
    13: lambda value: float(struct.unpack("<d", _fixed(value, 8))[0]),
    14: lambda value: bool(_integer(value)),
    15: _text,
    16: _bytes,
    17: _bytes,
    18: _bytes,
    19: _bytes,
}
