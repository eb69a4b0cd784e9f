"""Sparkplug B payloads, held to Google's protobuf with the schema of Eclipse Tahu."""

import contextlib
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from tidegate.float32 import shortest
from tidegate.sparkplug.payload import (
    DataType,
    Metric,
    Payload,
    SparkplugError,
    decode,
    encode,
    typed,
)

_U32, _U64, _STRING, _BYTES, _BOOL, _FLOAT, _DOUBLE, _MESSAGE = 13, 4, 9, 12, 8, 2, 1, 11


def _oracle() -> Any:
    """Return the message class of the schema's part that we read."""
    file = descriptor_pb2.FileDescriptorProto(name="tahu.proto", package="tahu", syntax="proto2")

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            repeated = field in ("metrics", "keys", "values")
            made.field.add(
                name=field, number=number, type=kind, label=3 if repeated else 1,
                type_name=f".tahu.{of}" if of else None,
            )  # fmt: skip

    message(
        "PropertyValue",
        ("type", 1, _U32, ""),
        ("is_null", 2, _BOOL, ""),
        ("int_value", 3, _U32, ""),
    )
    message("PropertySet", ("keys", 1, _STRING, ""), ("values", 2, _MESSAGE, "PropertyValue"))
    message(
        "Metric",
        ("name", 1, _STRING, ""), ("alias", 2, _U64, ""), ("timestamp", 3, _U64, ""),
        ("datatype", 4, _U32, ""), ("is_historical", 5, _BOOL, ""), ("is_transient", 6, _BOOL, ""),
        ("is_null", 7, _BOOL, ""), ("properties", 9, _MESSAGE, "PropertySet"),
        ("int_value", 10, _U32, ""), ("long_value", 11, _U64, ""), ("float_value", 12, _FLOAT, ""),
        ("double_value", 13, _DOUBLE, ""), ("boolean_value", 14, _BOOL, ""),
        ("string_value", 15, _STRING, ""), ("bytes_value", 16, _BYTES, ""),
    )  # fmt: skip
    message(
        "Payload",
        ("timestamp", 1, _U64, ""), ("metrics", 2, _MESSAGE, "Metric"), ("seq", 3, _U64, ""),
        ("uuid", 4, _STRING, ""), ("body", 5, _BYTES, ""),
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tahu.Payload"))


ORACLE = _oracle()
_VALUES = st.one_of(
    st.tuples(st.sampled_from([DataType.INT8]), st.integers(-128, 127)),
    st.tuples(st.sampled_from([DataType.INT16]), st.integers(-(1 << 15), (1 << 15) - 1)),
    st.tuples(st.sampled_from([DataType.INT32]), st.integers(-(1 << 31), (1 << 31) - 1)),
    st.tuples(st.sampled_from([DataType.INT64]), st.integers(-(1 << 63), (1 << 63) - 1)),
    st.tuples(st.sampled_from([DataType.UINT8]), st.integers(0, 255)),
    st.tuples(st.sampled_from([DataType.UINT32]), st.integers(0, (1 << 32) - 1)),
    st.tuples(st.sampled_from([DataType.UINT64, DataType.DATETIME]), st.integers(0, (1 << 64) - 1)),
    st.tuples(
        st.sampled_from([DataType.FLOAT]), st.floats(width=32, allow_nan=False).map(shortest)
    ),
    st.tuples(st.sampled_from([DataType.DOUBLE]), st.floats(allow_nan=False)),
    st.tuples(st.sampled_from([DataType.BOOLEAN]), st.booleans()),
    st.tuples(st.sampled_from([DataType.STRING, DataType.TEXT]), st.text(max_size=20)),
    st.tuples(st.sampled_from([DataType.BYTES]), st.binary(max_size=20)),
    st.tuples(st.sampled_from(list(DataType)), st.none()),
)
_OPTIONAL = st.none() | st.integers(0, (1 << 63) - 1)


@st.composite
def payloads(draw: st.DrawFn) -> Payload:
    metrics = []
    for data_type, value in draw(st.lists(_VALUES, max_size=5)):
        metric = Metric(
            name=draw(st.text(max_size=10)),
            alias=draw(_OPTIONAL),
            at_ms=draw(_OPTIONAL),
            data_type=data_type,
            value=value,
            historical=draw(st.booleans()),
            transient=draw(st.booleans()),
            quality=draw(st.sampled_from([None, 0, 192, 500])),
        )
        metrics.append(metric)
    return Payload(draw(_OPTIONAL), draw(st.none() | st.integers(0, 255)), tuple(metrics))


def as_told(payload: Payload) -> Payload:
    """Return `payload` with its values as their types have them."""
    return Payload(
        payload.at_ms,
        payload.sequence,
        tuple(
            Metric(
                m.name, m.alias, m.at_ms, m.data_type, typed(m.value, m.data_type),
                m.historical, m.transient, m.quality,
            )
            for m in payload.metrics
        ),
    )  # fmt: skip


@given(payloads())
def test_what_is_encoded_comes_back_with_its_types(payload: Payload) -> None:
    assert as_told(decode(encode(payload))) == payload


@given(payloads())
def test_googles_protobuf_reads_what_we_write_and_writes_what_we_read(payload: Payload) -> None:
    message = ORACLE.FromString(encode(payload))
    assert [metric.name for metric in message.metrics] == [m.name for m in payload.metrics]
    for theirs, ours in zip(message.metrics, payload.metrics, strict=True):
        assert theirs.is_null == (ours.value is None)
        if ours.data_type is DataType.DOUBLE and ours.value is not None:
            assert theirs.double_value == ours.value
    assert as_told(decode(message.SerializeToString())) == payload


@given(payloads(), st.data())
def test_a_strict_prefix_is_refused_or_is_a_shorter_payload(
    payload: Payload, data: st.DataObject
) -> None:
    whole = encode(payload)
    cut = whole[: data.draw(st.integers(0, max(0, len(whole) - 1)))]
    with contextlib.suppress(SparkplugError):
        assert len(decode(cut).metrics) <= len(payload.metrics)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_our_error(data: bytes) -> None:
    try:
        for metric in decode(data).metrics:
            typed(metric.value, metric.data_type)
    except SparkplugError:
        pass


def test_unknown_fields_are_skipped() -> None:
    message = ORACLE(timestamp=5, seq=1, uuid="x", body=b"\x00\xff")
    assert decode(message.SerializeToString()) == Payload(5, 1, ())


@pytest.mark.parametrize(
    ("wire", "data_type", "value"),
    [
        (0xFF, DataType.INT8, -1),
        (0xFFFFFFFF, DataType.INT8, -1),
        (0xFFFF8000, DataType.INT16, -32768),
    ],
)
def test_a_negative_number_is_read_from_either_width(
    wire: int, data_type: DataType, value: int
) -> None:
    assert typed(wire, data_type) == value


def test_a_value_of_another_type_than_its_birth_told_is_refused() -> None:
    with pytest.raises(SparkplugError, match="INT32 holds str"):
        typed("12", DataType.INT32)
