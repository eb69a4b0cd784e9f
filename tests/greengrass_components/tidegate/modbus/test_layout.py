"""Decoding: every type and order as pymodbus has it, and whole blocks at once."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.client import ModbusTcpClient

from tests.greengrass_components.tidegate.modbus.lines import group_of
from tidegate.modbus.errors import ModbusError
from tidegate.modbus.group_plan import GroupPlan, check_group
from tidegate.modbus.layout import Answer
from tidegate.modbus.planner import Limits
from tidegate.modbus.value_type import NUMBERS, ORDERS, coding_of
from tidegate.modbus.write import write_of
from tidegate.quality import Quality
from tidegate.sample import Value
from tidegate.tag import Tag

ORACLE = ModbusTcpClient.DATATYPE
BOUNDS = {
    "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1), "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
    "bcd16": (0, 9_999), "bcd32": (0, 99_999_999), "bcd64": (0, 10**16 - 1),
}  # fmt: skip


def decoded(registers: dict[int, int], *tags: Tag) -> tuple[tuple[Value, ...], bytes | None]:
    plan = GroupPlan(group_of(*tags), Limits())
    parts: list[tuple[object, Answer]] = [
        (block, [registers.get(n, 0) for n in range(block.first, block.first + block.count)])
        for block in plan.blocks
    ]
    return plan.decode(parts)  # type: ignore[arg-type]  # blocks are what they are


def one(kind: str, order: str, registers: list[int], **options: str) -> Value:
    tag = Tag(field="a", address="holding:5", type=kind, options={"order": order, **options})
    values, _ = decoded(dict(enumerate(registers, 5)), tag)
    return values[0]


@pytest.mark.parametrize("kind", ["int16", "uint16", "int32", "uint32", "int64", "uint64"])
@given(data=st.data())
def test_whole_numbers_are_what_pymodbus_reads(kind: str, data: st.DataObject) -> None:
    value = data.draw(st.integers(*BOUNDS[kind]))
    registers = ModbusTcpClient.convert_to_registers(value, ORACLE[kind.upper()])
    assert one(kind, "ABCD", registers) == value
    words = ModbusTcpClient.convert_to_registers(value, ORACLE[kind.upper()], word_order="little")
    assert one(kind, "CDAB", words) == value


@pytest.mark.parametrize("kind", ["float32", "float64"])
@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_floats_are_what_pymodbus_reads(kind: str, value: float) -> None:
    registers = ModbusTcpClient.convert_to_registers(value, ORACLE[kind.upper()])
    for read in (one(kind, "ABCD", registers), one(kind, "CDAB", registers[::-1])):
        assert isinstance(read, float)
        # Of 32 bits it is the shortest decimal that is the same number to the device.
        assert read == value if kind == "float64" else _single(read) == value


def _single(value: Value) -> Value:
    """Return a number as 32 bits have it."""
    single: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return single


def test_a_float_of_32_bits_is_the_decimal_that_the_device_means() -> None:
    registers = struct.unpack(">HH", struct.pack(">f", 21.3))
    assert one("float32", "ABCD", list(registers)) == 21.3


@pytest.mark.parametrize(
    ("order", "registers"),
    [("ABCD", [0x0A0B, 0x0C0D]), ("CDAB", [0x0C0D, 0x0A0B]), ("BADC", [0x0B0A, 0x0D0C]),
     ("DCBA", [0x0D0C, 0x0B0A])],
)  # fmt: skip
def test_the_four_orders_of_bytes_are_one_number(order: str, registers: list[int]) -> None:
    assert one("uint32", order, registers) == 0x0A0B0C0D


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [*NUMBERS, "string"])
@settings(max_examples=12)  # of each of 52
@given(data=st.data())
def test_what_is_written_is_read_in_every_type_and_order(
    kind: str, order: str, data: st.DataObject
) -> None:
    length = {"length": "6"} if kind == "string" else {}
    tag = Tag(field="a", address="holding:5", type=kind, options={"order": order, **length})
    value: Value
    if kind == "string":
        value = data.draw(st.text("abcXYZ 019", max_size=6)).strip()
    elif kind in BOUNDS:
        value = data.draw(st.integers(*BOUNDS[kind]))
    else:
        width = int(kind.removeprefix("float"))
        value = data.draw(st.floats(allow_nan=False, allow_infinity=False, width=width))  # type: ignore[arg-type]  # 16, 32, 64
    written = write_of(tag, coding_of(tag), value)
    read = one(kind, order, list(written.registers), **length)
    assert (_single(read) if kind == "float32" else read) == value


def test_values_come_in_the_tags_order_whatever_the_registers() -> None:
    tags = [
        Tag(field="late", address="holding:40", type="uint16"),
        Tag(field="early", address="holding:2", type="int32"),
        Tag(field="again", address="holding:40.1"),
        Tag(field="bits", address="holding:40.4-7"),
        Tag(field="swapped", address="holding:3", type="uint16", options={"order": "DCBA"}),
        Tag(field="first", address="40001", scale=0.1),
    ]
    registers = {0: 213, 2: 0xFFFF, 3: 0xFFFE, 40: 0xA2}
    values, qualities = decoded(registers, *tags)
    assert values == (0xA2, -2, True, 0xA, 0xFEFF, 21.3)
    assert qualities is None


def test_a_scaled_whole_number_is_the_decimal_that_is_meant() -> None:
    tag = Tag(field="a", address="holding:0", type="int16", scale=0.1, offset=-0.05)
    for raw in range(-500, 500):
        values, _ = decoded({0: raw & 0xFFFF}, tag)
        assert values[0] == (2 * raw - 1) / 20


def test_what_is_no_number_is_bad_and_its_neighbours_are_good() -> None:
    nan, inf = (struct.unpack(">HH", struct.pack(">f", one)) for one in (math.nan, math.inf))
    tags = [Tag(field=f"f{n}", address=f"holding:{2 * n}", type="float32") for n in range(3)]
    values, qualities = decoded({0: nan[0], 1: nan[1], 2: inf[0], 3: inf[1]}, *tags)
    assert values == (None, None, 0.0)
    assert qualities == bytes([Quality.BAD, Quality.BAD, Quality.GOOD])
    bcd = Tag(field="b", address="holding:0", type="bcd16")
    assert decoded({0: 0x12A4}, bcd) == ((None,), bytes([Quality.BAD]))
    for text in ("-32768", "0x8000", "32768"):  # the number, or its bits as manuals have it
        missing = Tag(field="b", address="holding:0", type="int16", options={"missing": text})
        assert decoded({0: 0x8000}, missing) == ((None,), bytes([Quality.BAD]))


@pytest.mark.parametrize(
    "tag",
    [
        Tag(field="a", address="holding:x"),
        Tag(field="a", address="50001"),
        Tag(field="a", address="holding:65536"),
        Tag(field="a", address="holding:65535", type="float32"),
        Tag(field="a", address="coil:1", type="float32"),
        Tag(field="a", address="coil:1.3"),
        Tag(field="a", address="holding:1.16"),
        Tag(field="a", address="holding:1.3", type="int32"),
        Tag(field="a", address="holding:1", type="bool"),
        Tag(field="a", address="holding:1", type="int17"),
        Tag(field="a", address="holding:1", type="string"),
        Tag(field="a", address="holding:1", options={"length": "4"}),
        Tag(field="a", address="holding:1", options={"order": "ABDC"}),
        Tag(field="a", address="holding:1", options={"missing": "none"}),
        Tag(field="a", address="holding:1", type="int16", options={"missing": "0x80000000"}),
        Tag(field="a", address="holding:1", type="string", scale=2, options={"length": "4"}),
    ],
)
def test_a_tag_that_can_not_be_is_told(tag: Tag) -> None:
    with pytest.raises(ModbusError):
        coding_of(tag)
    assert [field for field, _ in check_group(group_of(tag))] == ["a"]


def test_one_block_decodes_a_thousand_registers_without_an_object_for_a_tag() -> None:
    tags = [Tag(field=f"f{n}", address=f"input:{n}", type="uint16") for n in range(1_000)]
    values, qualities = decoded({n: n for n in range(1_000)}, *tags)
    assert values == tuple(range(1_000))
    assert qualities is None
