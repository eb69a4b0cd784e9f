"""The flash in a file: blocks that are erased whole and programmed in part."""

from pathlib import Path

import pytest

from tests.firmware.sim.stand_in import stand_in

BLOCK = 4_096
BLOCKS = 4
ERASE, SYNC, COUNT, SIZE = 6, 3, 4, 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flash.img"
    path.write_bytes(bytes(BLOCK * BLOCKS))
    return path


def read(flash, block: int, size: int, offset: int = 0) -> bytes:
    buffer = bytearray(size)
    flash.readblocks(block, buffer, offset)
    return bytes(buffer)


def test_a_flash_tells_its_geometry(path: Path) -> None:
    flash = stand_in("flash").Flash(str(path))
    assert (flash.ioctl(COUNT, 0), flash.ioctl(SIZE, 0), flash.ioctl(SYNC, 0)) == (BLOCKS, BLOCK, 0)


def test_an_erase_sets_its_block_and_no_other(path: Path) -> None:
    flash = stand_in("flash").Flash(str(path))
    flash.ioctl(ERASE, 2)
    assert [set(read(flash, block, BLOCK)) for block in range(BLOCKS)] == [{0}, {0}, {255}, {0}]


def test_a_program_writes_within_its_block(path: Path) -> None:
    flash = stand_in("flash").Flash(str(path))
    flash.ioctl(ERASE, 1)
    flash.writeblocks(1, b"tide", 100)
    assert read(flash, 1, 6, 99) == b"\xfftide\xff"
    flash.writeblocks(1, b"gauge")  # without an offset: erased first
    assert read(flash, 1, BLOCK) == b"gauge" + b"\xff" * (BLOCK - 5)
