"""The partition table: official layouts, damage, and where the files are."""

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.tidectl.micropython_bin import FACTORY, NVS, OTA, PHY, PLAIN, SINCE_1_26, table
from tidectl.partition_table import (
    BYTES_MAX,
    Partition,
    PartitionTableError,
    application_of,
    build,
    files_of,
    parse,
)

MIB = 1 << 20


@pytest.mark.parametrize("rows", [SINCE_1_26, PLAIN, OTA])
def test_a_table_reads_as_it_was_written(rows: tuple[tuple[str, int, int, int, int], ...]) -> None:
    assert parse(table(rows)) == tuple(Partition(*row) for row in rows)


def test_a_table_is_written_as_esp_idf_writes_it() -> None:
    for rows in (SINCE_1_26, PLAIN, OTA):
        assert build(parse(table(rows))) == table(rows)
    flagged = Partition("secret", 1, 2, 0x9000, 0x1000, flags=1)
    assert parse(build([flagged])) == (flagged,)
    with pytest.raises(PartitionTableError, match="lies on what is before it"):
        build([flagged, flagged])
    many = [Partition(f"p{at}", 1, 2, 0x9000 + at * 0x1000, 0x1000) for at in range(95)]
    with pytest.raises(PartitionTableError, match="no end"):
        build(many)


def test_a_real_table_of_2021_reads_right() -> None:
    """The entries of an ESP32 image of MicroPython 1.16, byte by byte."""
    entries = bytes.fromhex(
        "aa50010200900000006000006e76730000000000000000000000000000000000"
        "aa50010100f00000001000007068795f696e6974000000000000000000000000"
        "aa5000000000010000001800666163746f727900000000000000000000000000"
        "aa50018100002000000020007666730000000000000000000000000000000000"
    )
    end = "ebebffffffffffffffffffffffffffff7ab233fbb04375b36fa5f9f92ef427e0"
    digest = bytes.fromhex(end[:32]) + hashlib.md5(entries, usedforsecurity=False).digest()
    found = parse(entries + digest + b"\xff" * 32)
    assert [partition.label for partition in found] == ["nvs", "phy_init", "factory", "vfs"]
    assert files_of(found, 4 * MIB) == Partition("vfs", 1, 0x81, 2 * MIB, 2 * MIB)


@pytest.mark.parametrize(
    ("rows", "flash_bytes", "offset", "size_bytes"),
    [
        (PLAIN, 4 * MIB, 0x200000, 0x200000),
        (PLAIN, 16 * MIB, 0x200000, 0x200000),  # the table says so
        (SINCE_1_26, 4 * MIB, 0x200000, 0x200000),
        (SINCE_1_26, 8 * MIB, 0x200000, 0x600000),  # the flash says so
        (OTA, 4 * MIB, 0x310000, 0xF0000),
        ((*SINCE_1_26, ("ffat", 1, 0x81, 0x300000, 0x80000)), 4 * MIB, 0x300000, 0x80000),
        ((*SINCE_1_26, ("mine", 1, 0x82, 0x300000, 0x80000)), 4 * MIB, 0x380000, 0x80000),
    ],
)
def test_the_files_are_where_micropython_looks_for_them(
    rows: tuple[tuple[str, int, int, int, int], ...],
    flash_bytes: int,
    offset: int,
    size_bytes: int,
) -> None:
    files = files_of(parse(table(rows)), flash_bytes)
    assert (files.offset, files.size_bytes) == (offset, size_bytes)


@pytest.mark.parametrize(
    ("rows", "flash_bytes", "told"),
    [(PLAIN, 2 * MIB, "4194304 bytes of flash, and the chip has 2097152"),
     (SINCE_1_26, 2 * MIB, "no room for files")],
)  # fmt: skip
def test_a_flash_that_is_too_small_is_told_with_both_sizes(
    rows: tuple[tuple[str, int, int, int, int], ...], flash_bytes: int, told: str
) -> None:
    with pytest.raises(PartitionTableError, match=told):
        files_of(parse(table(rows)), flash_bytes)


def test_the_application_is_the_first_of_them() -> None:
    assert application_of(parse(table(PLAIN))) == Partition(*FACTORY)
    assert application_of(parse(table(OTA))).label == "ota_0"
    with pytest.raises(PartitionTableError, match="no application"):
        application_of(parse(table((NVS, PHY))))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((), "is empty"),
        ((NVS, ("x", 1, 1, 0x9000, 0x1000)), "lies on what is before it"),
        ((("x", 1, 1, 0x8000, 0x1000),), "lies on what is before it"),
        ((("x", 1, 1, 0x9100, 0x1000),), "not of whole sectors"),
        ((("\xe4", 1, 1, 0x9000, 0x1000),), "has the label"),
    ],
)
def test_a_table_that_can_not_be_right_is_refused(
    rows: tuple[tuple[str, int, int, int, int], ...], told: str
) -> None:
    with pytest.raises(PartitionTableError, match=told):
        parse(table(rows))


def test_a_flipped_bit_does_not_match_the_checksum() -> None:
    data = bytearray(table(PLAIN))
    data[4] ^= 0x10
    with pytest.raises(PartitionTableError, match="checksum"):
        parse(bytes(data))


def test_every_strict_prefix_is_refused() -> None:
    whole = table(PLAIN)
    end = 32 * (len(PLAIN) + 2)
    assert parse(whole[:end])
    for length in range(end):
        with pytest.raises(PartitionTableError):
            parse(whole[:length])


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: table(PLAIN)[:64] + tail))
def test_random_bytes_raise_only_the_packages_error(data: bytes) -> None:
    with suppress(PartitionTableError):
        parse(data)


def test_no_more_is_read_than_a_table_may_have() -> None:
    with pytest.raises(PartitionTableError, match="no end"):
        parse(table(PLAIN)[:32] * (BYTES_MAX // 32 + 10))
