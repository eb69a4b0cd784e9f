"""S7 addresses are read as engineers write them, and their bytes as controllers store them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snap7.util import get_dt, get_string, set_string

from tidegate.s7.address import S7Address, S7AddressError, parse_address


@pytest.mark.parametrize(
    ("text", "type_name", "expected"),
    [
        ("DB2.DBD12:REAL", "", S7Address("DB", 2, 12, "REAL")),
        ("DB2.DBD12", "dint", S7Address("DB", 2, 12, "DINT")),
        ("db1.dbx38.1", "", S7Address("DB", 1, 38, "BOOL", 1)),
        ("DB1.DBW36", "", S7Address("DB", 1, 36, "WORD")),
        ("DB5.DBB10:STRING[20]", "", S7Address("DB", 5, 10, "STRING", characters=20)),
        ("DB5.DBB10", "string[20]", S7Address("DB", 5, 10, "STRING", characters=20)),
        ("DB5.DBB0:DATE_AND_TIME", "", S7Address("DB", 5, 0, "DATE_AND_TIME")),
        ("M10.3", "", S7Address("MK", 0, 10, "BOOL", 3)),
        ("MD24:REAL", "", S7Address("MK", 0, 24, "REAL")),
        ("E0.7", "", S7Address("PE", 0, 0, "BOOL", 7)),
        ("QW4:INT", "", S7Address("PA", 0, 4, "INT")),
    ],
)
def test_an_address_is_read(text: str, type_name: str, expected: S7Address) -> None:
    assert parse_address(text, type_name) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DB1", "is no S7 address"),
        ("DB1.DBX4", "a bit has byte and bit"),
        ("DB1.DBX4.8", "a bit has byte and bit"),
        ("DB1.DBD4.1", "a bit has byte and bit"),
        ("DB1.DBW4:BOOL", "a bit has byte and bit"),
        ("DB1.DBD4:FLOAT", "no type FLOAT; there are BOOL"),
        ("DB1.DBB4:STRING[255]", "254 characters at most"),
        ("", "is no S7 address"),
    ],
)
def test_a_wrong_address_says_what_one_looks_like(text: str, message: str) -> None:
    with pytest.raises(S7AddressError, match=message):
        parse_address(text)


@given(st.sampled_from(["INT", "DINT", "LINT", "UINT", "UDINT", "BYTE"]), st.data())
def test_whole_numbers_come_back(kind: str, data: st.DataObject) -> None:
    address = parse_address("DB1.DBB0", kind)
    bits = 8 * address.size_bytes
    signed = not kind.startswith(("U", "B"))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    value = data.draw(st.integers(low, high))
    assert address.decode(address.encode(value)) == value
    for outside in (low - 1, high + 1):
        with pytest.raises(S7AddressError, match="does not fit"):
            address.encode(outside)


@given(st.text(st.characters(max_codepoint=255), max_size=20))
def test_texts_are_stored_as_snap7_does(text: str) -> None:
    address = parse_address("DB1.DBB0:STRING[20]")
    theirs = bytearray(22)
    set_string(theirs, 0, text, 20)
    ours = address.encode(text)
    assert theirs[: len(ours)] == ours
    assert address.decode(bytes(theirs)) == text == get_string(theirs, 0)


def test_a_date_is_read_as_snap7_does() -> None:
    data = bytes.fromhex("2611250259301234")
    address = parse_address("DB1.DBB0:DATE_AND_TIME")
    assert address.decode(data) == "2026-11-25T02:59:30.123"
    assert str(get_dt(bytearray(data), 0)).startswith("2026-11-25T02:59:30.123")
    with pytest.raises(S7AddressError, match="no date"):
        address.decode(bytes(8))
    with pytest.raises(S7AddressError, match="can't be written"):
        address.encode(5)


@given(st.text(max_size=20), st.text(max_size=8))
def test_any_text_is_an_address_or_an_error(text: str, type_name: str) -> None:
    try:
        assert parse_address(text, type_name).size_bytes > 0
    except S7AddressError:
        return
