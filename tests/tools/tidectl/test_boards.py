"""The data of the boards, held against each other and against what reads them."""

import pytest

from tests.tools.tidectl.micropython_bin import CHIP_IDS, OTA, SINCE_1_26, table
from tidectl.boards import Board, board_named, board_of_chip, boards, name_on_board, with_pins
from tidectl.errors import TidectlError
from tidectl.flash_layout import FILES_BYTES_MIN
from tidectl.partition_table import files_of, parse
from tidectl.simulated_board import ROMFS_BYTES
from tidectl.thing import DEFAULT_SETTINGS

BOARDS = list(boards())


def test_there_is_one_for_each_chip_the_firmware_runs_on() -> None:
    names = ["esp32", "esp32-c3", "esp32-c6", "esp32-s2", "esp32-s3"]
    assert [board.name for board in BOARDS] == names
    assert {board.chip for board in BOARDS} == set(CHIP_IDS)
    for board in BOARDS:
        assert board.chip.lower() == board.name
        assert board_named(board.name) == board_of_chip(board.chip) == board


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_its_layout_is_that_of_the_official_images(board: Board) -> None:
    plain = files_of(parse(table(SINCE_1_26)), board.flash_bytes)
    assert board.layouts["plain"].files_offset == plain.offset
    for layout in board.layouts.values():
        taken_bytes = layout.outbox_bytes + layout.romfs_bytes
        assert layout.files_offset + layout.files_bytes + taken_bytes == board.flash_bytes
        assert not taken_bytes or layout.files_bytes >= FILES_BYTES_MIN
        assert layout.romfs_bytes in (0, ROMFS_BYTES)  # what the tests run the program from
    ota = board.layouts["ota"]
    if board.flash_bytes == 4 << 20:
        assert ota.files_offset == files_of(parse(table(OTA)), board.flash_bytes).offset


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_it_says_where_the_boot_rom_looks_and_where_the_download_is(board: Board) -> None:
    assert board.image_offset == (0x1000 if board.chip in ("ESP32", "ESP32-S2") else 0)
    suffix = board.chip.removeprefix("ESP32").replace("-", "_")
    assert board.download_url == f"https://micropython.org/download/ESP32_GENERIC{suffix}/"
    assert board.own_sensors
    assert board.caveats


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_its_pins_are_each_of_its_own_and_none_is_the_flashs(board: Board) -> None:
    flash_pins = {
        "ESP32": range(6, 12),
        "ESP32-S2": range(26, 33),
        "ESP32-S3": range(26, 33),
        "ESP32-C3": range(12, 18),
        "ESP32-C6": range(24, 31),
    }
    assert len(set(board.pins.values())) == len(board.pins)
    assert not set(board.pins.values()) & set(flash_pins[board.chip])


def test_drivers_get_the_boards_pins_unless_they_name_their_own() -> None:
    board = board_named("esp32-c3")
    wired = with_pins(board, DEFAULT_SETTINGS)
    climate, health = wired["measurements"]
    assert (climate["scl_pin"], climate["sda_pin"]) == (5, 4)
    assert health == DEFAULT_SETTINGS["measurements"][1]
    own = {"measurements": [{"name": "climate", "driver": "bme280", "scl_pin": 1}]}
    assert with_pins(board, own)["measurements"][0] == {
        "name": "climate", "driver": "bme280", "scl_pin": 1, "sda_pin": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [{}, {"measurements": 7}, {"measurements": [7, {"driver": "nope"}, {"name": "x"}]}],
)
def test_settings_that_are_wrong_are_left_for_provisioning_to_tell(
    settings: dict[str, object],
) -> None:
    assert with_pins(board_named("esp32"), settings) == settings


def test_a_board_calls_its_chip_as_micropython_does() -> None:
    assert name_on_board("esp32-c3") == name_on_board("ESP32C3") == "ESP32C3"
    assert name_on_board("esp32") == "ESP32"
    with pytest.raises(TidectlError, match="there is no board esp33"):
        name_on_board("esp33")


@pytest.mark.parametrize("name", ["esp8266", "../esp32", "", "ESP32"])
def test_a_board_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(TidectlError) as caught:
        board_named(name)
    assert "esp32-s3" in caught.value.hint
    with pytest.raises(TidectlError, match="is no chip the firmware is made for"):
        board_of_chip("ESP8266EX")
