"""`tidectl boards`: for people and for programs."""

from tests.tools.tidectl.conftest import Run


def test_every_board_is_a_line_with_its_pins(tidectl: Run) -> None:
    done = tidectl("boards")
    assert done.code == 0
    for name in ("esp32", "esp32-s2", "esp32-s3", "esp32-c3", "esp32-c6"):
        assert f" {name} " in done.out
    assert "ESP32_GENERIC_C3" in done.out
    assert "https://micropython.org/download/" in done.err


def test_one_board_is_told_whole(tidectl: Run) -> None:
    done = tidectl("boards", "esp32-s3")
    assert done.code == 0
    for fact in (
        "5440 KB at 0x200000",
        "512 KB behind",
        "is written at 0x0",
        "SPIRAM_OCT",
        "mcu_temperature",
    ):
        assert fact in done.out


def test_programs_get_all_of_it(tidectl: Run) -> None:
    (board,) = tidectl("boards", "esp32", "--json").json()
    assert board["image_offset"] == 0x1000
    assert board["layouts"]["ota"] == {
        "files_offset": 0x310000,
        "files_bytes": 960 << 10,
        "outbox_bytes": 0,
        "romfs_bytes": 0,
    }
    assert board["pins"]["scl_pin"] == 22
    assert len(tidectl("boards", "--json").json()) == 5


def test_a_board_that_is_not_there_is_one_line(tidectl: Run) -> None:
    assert tidectl("boards", "esp8266").complaint() == "there is no board esp8266"
