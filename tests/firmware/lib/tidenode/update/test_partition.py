"""A whole MicroPython is brought into the slot that does not run; the boot loader decides."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.firmware.sim.stand_in import stand_in
from tidectl.home import Home
from tidectl.update_bundle import Facts, image_bundle
from tidectl.update_key import P256, UpdateKey, make_key, public_keys
from tidenode.update.blocks import Blocks
from tidenode.update.errors import UpdateError, UpdateRefusedError
from tidenode.update.partition import BLOCK_BYTES, STRIDE, ImageSlot
from tidenode.update.signature import signed
from tidenode.update.updater import Board, bring

CHIP_ESP32, CHIP_C3 = 0, 5


def image(seed: int, size_bytes: int = 40 * BLOCK_BYTES + 77, chip: int = CHIP_ESP32) -> bytes:
    """Return what looks like an image to whoever reads its first bytes."""
    data = bytearray(random.Random(seed).randbytes(size_bytes))
    data[0] = 0xE9
    data[12:14] = chip.to_bytes(2, "little")
    return bytes(data)


OLD, NEW = image(1), image(2)


class ImageBoard:
    """A board that runs OLD, with one key."""

    def __init__(self, folder: Path, slots: int = 2) -> None:
        self.module: ModuleType = stand_in("partitions")
        self.chip = self.module.Chip(OLD, slots=slots)
        self.module.Partition.flash = self.chip
        self.folder = folder
        (folder / "update").mkdir()
        (folder / "keys").mkdir()
        home = Home(folder / "home")
        self.key: UpdateKey = make_key(home, "update", P256)
        for name, data in public_keys(home).items():
            (folder / "keys" / name).write_bytes(data)
        self.fetched = 0
        self.steps: list[str] = []

    def slot(self) -> ImageSlot:
        return ImageSlot(self.module.Partition, str(self.folder / "update"), "1.28.0")

    def bundle(self, data: bytes = NEW, version: str = "1.29.0") -> bytes:
        one = image_bundle(Facts(version, boards=("esp32",)), data)
        return replace(one, signature=self.key.sign(one.manifest)).to_bytes()

    def bring(self, data: bytes) -> bool:
        async def fetch(number: int) -> bytes:
            self.fetched += 1
            return data[number * 1_024 : (number + 1) * 1_024]

        async def report(details: dict[str, str]) -> None:
            self.steps.append(details["step"])

        board = Board(
            ("esp32",),
            6,
            lambda digest, signature: signed(digest, signature, str(self.folder / "keys")),
            str(self.folder / "update" / "head"),
            lambda _kind: self.slot(),
        )
        return asyncio.run(bring(Blocks(fetch, 1_024, len(data)), board, report))

    def cells(self, label: str) -> bytes:
        return bytes(self.chip.cells[label])


@pytest.fixture
def board(tmp_path: Path) -> ImageBoard:
    return ImageBoard(tmp_path)


def test_an_image_is_written_started_and_kept_to_once_it_has_proved_itself(
    board: ImageBoard,
) -> None:
    data = board.bundle()
    assert board.bring(data)
    assert board.cells("ota_1").startswith(NEW)
    assert not board.slot().on_trial()
    board.chip.reset()
    assert board.chip.running == "ota_1"
    assert board.slot().on_trial()
    board.slot().settle()
    assert not board.slot().on_trial()
    for _ in range(3):
        board.chip.reset()
        assert board.chip.running == "ota_1"
    assert not board.bring(data), "it is in force"
    assert board.cells("ota_0").startswith(OLD)


def test_an_image_that_does_not_prove_itself_is_given_up_and_its_job_hears_why(
    board: ImageBoard,
) -> None:
    data = board.bundle()
    assert board.bring(data)
    board.chip.reset()
    board.chip.reset()
    assert board.chip.running == "ota_0"
    with pytest.raises(UpdateError, match="rolled back: the boot loader went back"):
        board.bring(data)
    assert board.bring(data), "a new job may try it again"


@pytest.mark.parametrize("writes", [0, 1, 15, 16, 17, 33, 40])
def test_a_cut_leaves_the_running_image_and_the_next_try_goes_on(
    board: ImageBoard, writes: int
) -> None:
    data = board.bundle()
    board.chip.writes = writes
    with pytest.raises(OSError, match="5"):
        board.bring(data)
    board.chip.writes = -1
    board.chip.reset()
    assert board.chip.running == "ota_0"
    assert board.cells("ota_0").startswith(OLD)
    board.fetched = 0
    assert board.bring(data)
    assert board.cells("ota_1").startswith(NEW)
    left = len(NEW) - writes // STRIDE * STRIDE * BLOCK_BYTES
    assert board.fetched <= left // 1_024 + 4
    board.chip.reset()
    assert board.chip.running == "ota_1"


def test_what_is_not_for_this_board_is_refused_and_nothing_is_started(
    board: ImageBoard, tmp_path: Path
) -> None:
    good = board.bundle()
    cases = {
        "not what was signed": good[:-1] + bytes((good[-1] ^ 1,)),
        "no key on this board": good[:20] + bytes((good[20] ^ 1,)) + good[21:],
        "for another chip": board.bundle(image(3, chip=CHIP_C3)),
        "1.28.0 on 1.28.0": board.bundle(version="1.28.0"),
        "slot of 262144": board.bundle(image(4, 64 * BLOCK_BYTES + 1)),
    }
    for why, data in cases.items():
        with pytest.raises(UpdateRefusedError, match=why):
            board.bring(data)
        board.chip.reset()
        assert (board.chip.running, board.chip.boot) == ("ota_0", "ota_0")
        assert board.cells("ota_0").startswith(OLD)
    (tmp_path / "plain").mkdir()
    plain = ImageBoard(tmp_path / "plain", slots=1)
    with pytest.raises(UpdateRefusedError, match="no second slot"):
        plain.bring(plain.bundle())
    assert board.bring(good)


def test_an_image_is_brought_over_the_one_that_failed_halfway(board: ImageBoard) -> None:
    board.chip.writes = 20
    with pytest.raises(OSError, match="5"):
        board.bring(board.bundle())
    board.chip.writes = -1
    other = image(9)
    assert board.bring(board.bundle(other, "1.30.0"))
    assert board.cells("ota_1").startswith(other)
