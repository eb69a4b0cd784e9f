"""`tidectl flash`: onto chips in their boot loader, and read back identical."""

from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.micropython_bin import micropython_bin, without_table
from tests.tools.tidectl.mock_board import FLASH_BYTES, MockBoard
from tidectl.boards import Board, board_named
from tidectl.firmware_image import build_image
from tidectl.home import Home
from tidectl.thing import ThingFolder

SOME_BYTES = 0x20000  # of the files, from their begin: where all of them are


def image_for(board: Board, tmp_path: Path) -> Path:
    path = tmp_path / f"{board.name}.bin"
    path.write_bytes(micropython_bin(board))
    return path


@pytest.mark.parametrize("name", ["esp32", "esp32-s3", "esp32-c3"])
def test_what_was_flashed_reads_back_identical(
    name: str, tidectl: Run, folder: ThingFolder, home: Home, tmp_path: Path
) -> None:
    kind = board_named(name)
    image = image_for(kind, tmp_path)
    with MockBoard(tmp_path, name.replace("-", "")) as board:
        arguments = ("flash", board.port, folder.thing, "--image", str(image), "--json")
        done = tidectl(*arguments, home=home.path)
        assert done.code == 0, done.err
        facts = done.json()
        assert (facts["chip"], facts["board"]) == (kind.chip, name)
        assert facts["image_offset"] == kind.image_offset
        assert facts["files_offset"] + facts["files_bytes"] == facts["outbox_offset"]
        assert facts["outbox_offset"] + facts["outbox_bytes"] == facts["romfs_offset"]
        assert facts["romfs_offset"] + facts["romfs_bytes"] == facts["flash_bytes"] == FLASH_BYTES
        assert facts["image_sha256"] in done.err
        assert kind.download_url in done.err
        read = board.read(kind.image_offset, facts["image_bytes"])
        assert without_table(read, kind) == without_table(image.read_bytes(), kind)
        files = build_image(*folder.image_parts(), size_bytes=facts["files_bytes"])
        assert board.read(facts["files_offset"], SOME_BYTES) == files[:SOME_BYTES]
    key = folder.key_path.read_bytes()
    assert key.hex() not in done.out + done.err
    assert "PRIVATE" not in done.out + done.err


def test_the_image_of_another_chip_is_refused(
    tidectl: Run, folder: ThingFolder, home: Home, tmp_path: Path
) -> None:
    image = image_for(board_named("esp32-s3"), tmp_path)
    with MockBoard(tmp_path, "esp32") as board:
        done = tidectl("flash", board.port, folder.thing, "--image", str(image), home=home.path)
        said = done.complaint()
        assert said == f"esp32-s3.bin is for ESP32-S3, and on {board.port} is ESP32"
        assert "https://micropython.org/download/ESP32_GENERIC/" in done.err
        assert board.read(0, 4096) == b"\xff" * 4096


def test_people_get_each_step_and_what_a_real_board_would_lack(
    tidectl: Run, folder: ThingFolder, home: Home, tmp_path: Path
) -> None:
    image = image_for(board_named("esp32"), tmp_path)
    with MockBoard(tmp_path, "esp32") as board:
        done = tidectl("flash", board.port, folder.thing, "--image", str(image), home=home.path)
    assert done.code == 0, done.err
    assert done.out == ""
    for step in ("checking esp32.bin", "looking for a chip", "laying", "erasing", "comparing"):
        assert any(line.startswith(step) for line in done.err.splitlines()), done.err
    assert done.err.count("note:") == 3
    assert done.err.splitlines()[-1].endswith(f"next: tidectl monitor {board.port}")


def test_without_an_image_the_download_for_the_chip_is_named(
    tidectl: Run, folder: ThingFolder, home: Home, tmp_path: Path
) -> None:
    with MockBoard(tmp_path, "esp32c3") as board:
        done = tidectl("flash", board.port, folder.thing, home=home.path)
    assert done.complaint() == "MicroPython for ESP32-C3 is missing, and can't be shipped"
    assert "https://micropython.org/download/ESP32_GENERIC_C3/" in done.err


def test_a_thing_that_is_not_here_is_one_line(tidectl: Run, tmp_path: Path) -> None:
    image = image_for(board_named("esp32"), tmp_path)
    done = tidectl("flash", "/dev/nope", "nobody", "--image", str(image))
    assert done.complaint() == "there is no thing nobody here"


def test_a_port_that_is_not_there_is_one_line(
    tidectl: Run, folder: ThingFolder, home: Home, tmp_path: Path
) -> None:
    image = image_for(board_named("esp32"), tmp_path)
    done = tidectl("flash", "/dev/nope", folder.thing, "--image", str(image), home=home.path)
    assert "Could not open /dev/nope" in done.complaint()
    assert "tidectl device list" in done.err
