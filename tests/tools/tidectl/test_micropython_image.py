"""MicroPython's image: what it is, and each way in which it would not boot."""

import hashlib
from pathlib import Path

import pytest

from tests.tools.tidectl.micropython_bin import NVS, PHY, PLAIN, SINCE_1_26, micropython_bin
from tidectl.boards import Board, board_named, boards
from tidectl.errors import TidectlError
from tidectl.micropython_image import BYTES_MAX, read_image

ESP32 = board_named("esp32")


def refused(path: Path) -> TidectlError:
    with pytest.raises(TidectlError) as caught:
        read_image(path)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "micropython.bin"


@pytest.mark.parametrize("board", list(boards()), ids=lambda board: board.name)
def test_an_image_tells_its_board_its_version_and_its_hash(board: Board, path: Path) -> None:
    data = micropython_bin(board, version="1.27.0-preview.42.g1a2b3c")
    path.write_bytes(data)
    image = read_image(path)
    assert image.board == board
    assert image.version == "1.27.0-preview.42.g1a2b3c"
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.layout(4 << 20).files.offset == 0x200000


@pytest.mark.parametrize("place", [0x100, -100])
def test_a_flipped_bit_is_found_in_boot_loader_and_application(place: int, path: Path) -> None:
    data = bytearray(micropython_bin(ESP32))
    data[place] ^= 1
    path.write_bytes(data)
    error = refused(path)
    assert "micropython.bin is damaged" in str(error)
    assert "download it again" in error.hint


@pytest.mark.parametrize("left", [0.9, 0.5, 0.02])
def test_half_a_download_is_found(left: float, path: Path) -> None:
    data = micropython_bin(ESP32)
    path.write_bytes(data[: int(len(data) * left)])
    refused(path)


@pytest.mark.parametrize("data", [b"", b"\0" * 100_000, b"UF2\n" * 5_000, b"\xe9"])
def test_what_is_no_image_is_refused(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    refused(path)


def test_a_file_that_is_absent_or_endless_is_refused(path: Path) -> None:
    assert "No such file" in str(refused(path))
    with path.open("wb") as file:
        file.truncate(BYTES_MAX + 1)
    assert "is no image" in str(refused(path))


def test_the_application_alone_is_refused_with_what_to_take(path: Path) -> None:
    path.write_bytes(micropython_bin(ESP32)[0xF000:])
    error = refused(path)
    assert "partition table" in str(error)
    assert "take the whole image" in error.hint
    assert ESP32.download_url in error.hint


def test_a_micropython_too_old_for_the_firmware_is_refused(path: Path) -> None:
    path.write_bytes(micropython_bin(ESP32, version="1.16-237-g1613dc8a1-dirty"))
    error = refused(path)
    assert "MicroPython 1.16-237-g1613dc8a1-dirty, 1.23 is the oldest" in str(error)
    assert ESP32.download_url in error.hint


def test_a_boot_loader_with_another_chips_application_is_refused(path: Path) -> None:
    path.write_bytes(micropython_bin(ESP32, application_chip="ESP32-S3"))
    assert "boots a ESP32 and holds an application for ESP32-S3" in str(refused(path))


def test_an_image_without_an_application_is_refused(path: Path) -> None:
    path.write_bytes(micropython_bin(ESP32, rows=(NVS, PHY)))
    assert "no application" in str(refused(path))


def test_an_image_that_reaches_over_its_files_is_refused(path: Path) -> None:
    early = ("vfs", 1, 0x81, 0x11000, 0x10000)
    factory = ("factory", 0, 0, 0x30000, 0x100000)
    path.write_bytes(micropython_bin(ESP32, rows=(NVS, PHY, early, factory)))
    assert refused(path)
    path.write_bytes(micropython_bin(ESP32, rows=(*SINCE_1_26, *PLAIN[3:])))
    with pytest.raises(TidectlError, match="4194304 bytes of flash, and the chip has 2097152"):
        read_image(path).layout(2 << 20)
