"""A flash is divided between files and outbox where there is room, and as it was where not."""

import pytest

from tests.tools.tidectl.micropython_bin import FACTORY, OTA, PLAIN, SINCE_1_26, Rows, table
from tidectl.boards import Layout, board_named
from tidectl.flash_layout import (
    FILES_BYTES_MIN,
    OUTBOX,
    OUTBOX_BYTES_MIN,
    ROMFS,
    divided,
    kind_of,
    layout_before,
    layout_of,
)
from tidectl.partition_table import DATA, Partition, build, files_of, parse

MIB = 1 << 20


def wanted(outbox_bytes: int, romfs_bytes: int = 0) -> Layout:
    return Layout(0, 0, outbox_bytes, romfs_bytes)


@pytest.mark.parametrize("rows", [SINCE_1_26, PLAIN])
def test_outbox_and_program_are_taken_from_the_end_of_the_files(rows: Rows) -> None:
    before = layout_of(parse(table(rows)), 4 * MIB)
    assert before.outbox is before.romfs is None
    layout = divided(before, wanted(3 * MIB // 8, MIB // 4))
    assert layout.files == Partition("vfs", DATA, 0x81, 2 * MIB, 11 * MIB // 8)
    assert layout.outbox == Partition(OUTBOX, DATA, 0x06, 27 * MIB // 8, 3 * MIB // 8)
    assert layout.romfs == Partition(ROMFS, DATA, 0x06, 15 * MIB // 4, MIB // 4)
    assert Partition(*FACTORY) in layout.partitions
    # What reads the written table finds the same: MicroPython its files, the firmware the rest.
    again = parse(build(layout.partitions))
    assert files_of(again, 4 * MIB) == layout.files
    assert layout_of(again, 4 * MIB) == layout == divided(layout, wanted(MIB, MIB))


def test_what_lies_behind_the_files_stays_where_it_is() -> None:
    mine = ("mine", 1, 0x40, 0x380000, 0x80000)
    files = ("vfs", 1, 0x81, 0x200000, 0x180000)
    before = layout_of(parse(table((*SINCE_1_26, files, mine))), 4 * MIB)
    layout = divided(before, wanted(MIB // 8))
    assert layout.files.size_bytes == 0x160000
    assert layout.outbox
    assert layout.outbox.end == 0x380000
    assert layout.partitions[-1] == Partition(*mine)


@pytest.mark.parametrize(
    ("rows", "outbox_bytes"),
    [(SINCE_1_26, 0), (OTA, 4096), (OTA, MIB)],
)
def test_without_room_or_need_a_layout_is_what_it_was(rows: Rows, outbox_bytes: int) -> None:
    layout = layout_of(parse(table(rows)), 4 * MIB)
    assert divided(layout, wanted(outbox_bytes)) == layout


def test_where_there_is_room_for_one_the_program_has_it() -> None:
    before = layout_of(parse(table(PLAIN)), 4 * MIB)
    room = 2 * MIB - FILES_BYTES_MIN
    layout = divided(before, wanted(room, room - OUTBOX_BYTES_MIN + 4096))
    assert layout.romfs
    assert layout.outbox is None
    assert divided(before, wanted(room)).outbox


def test_an_outbox_for_which_a_chip_is_too_small_gets_what_there_is_to_spare() -> None:
    before = layout_of(parse(table(PLAIN)), 4 * MIB)
    layout = divided(before, wanted(2 * MIB, MIB // 4))
    assert layout.files.size_bytes == FILES_BYTES_MIN
    assert layout.outbox
    assert layout.outbox.size_bytes == 2 * MIB - FILES_BYTES_MIN - MIB // 4


def test_a_board_that_runs_keeps_its_layout_unless_micropythons_own_part_changes() -> None:
    without = layout_of(parse(table(SINCE_1_26)), 4 * MIB)
    fresh = divided(without, wanted(MIB // 2, MIB // 8))
    assert layout_before(table(SINCE_1_26), fresh, 4 * MIB) == without
    small = divided(without, wanted(MIB // 4))
    assert layout_before(build(small.partitions), fresh, 4 * MIB) == small
    assert layout_before(table(OTA), fresh, 4 * MIB) == fresh
    for damaged in (b"", b"\xff" * 0xC00, table(SINCE_1_26)[:100]):
        assert layout_before(damaged, fresh, 4 * MIB) == fresh


def test_two_applications_are_an_ota_image() -> None:
    board = board_named("esp32")
    assert kind_of(board, parse(table(PLAIN))) == board.layouts["plain"]
    assert kind_of(board, parse(table(OTA))) == board.layouts["ota"]
