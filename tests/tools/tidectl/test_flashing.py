"""Flashing a board whose plug is pulled, whose outbox stays, whose image does not fit."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tests.tools.tidectl.micropython_bin import OTA, SINCE_1_26, Rows, micropython_bin
from tests.tools.tidectl.mock_board import FLASH_BYTES, MockBoard
from tests.tools.tidectl.test_firmware_image import QUEUED, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl import esptool, firmware_image, partition_table
from tidectl.boards import board_named
from tidectl.errors import TidectlError
from tidectl.esptool import Connection, Part
from tidectl.firmware_image import BLOCK_BYTES, queued_batches
from tidectl.flashing import AGAIN, Flashed, flash, hardware_notes
from tidectl.home import Home
from tidectl.micropython_image import read_image
from tidectl.progress import Progress
from tidectl.thing import ThingFolder

BAUD = 460_800
SOME_BYTES = 0x10000
FILES_AT = 0x290000
FILES_LAST = (*SINCE_1_26, ("vfs", 1, 0x81, FILES_AT, 0x170000))
ROOM_FOR_A_RING = ("vfs", 1, 0x81, 0x200000, 0x200000)
BEYOND_4_MIB = ("vfs", 1, 0x81, 0x200000, 0x600000)
ESP32 = board_named("esp32")


class Plug(Progress):
    """Does `pull` when a step that begins with `step` is at `percent`."""

    def __init__(self, pull: Callable[[], None], step: str, percent: int) -> None:
        super().__init__()
        self._pull, self._step, self._percent = pull, step, percent
        self._now = ""

    def step(self, text: str) -> None:
        self._now = text
        super().step(text)

    def at(self, percent: int) -> None:
        if self._now.startswith(self._step) and percent >= self._percent:
            self._pull()
        super().at(percent)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[MockBoard]:
    with MockBoard(tmp_path, "esp32") as board:
        yield board


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have esptool wait for a board that went away for one second, not for seven."""
    path = tmp_path / "esptool.cfg"
    path.write_text("[esptool]\nconnect_attempts = 1\n")
    monkeypatch.setenv("ESPTOOL_CFGFILE", str(path))


@pytest.fixture
def folder(tmp_path: Path) -> ThingFolder:
    return make_thing(Home(tmp_path / "home"), "board-1")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "micropython.bin"
    path.write_bytes(micropython_bin(ESP32))
    return path


def flashed(board: MockBoard, folder: ThingFolder, image: Path, *, erase: bool = True) -> Flashed:
    with Progress() as progress:
        return flash(board.port, folder, image, baud=BAUD, erase=erase, progress=progress)


def strangers(folder: ThingFolder) -> list[str]:
    """Return what is in the folder beyond what provisioning makes."""
    made = {"cert.der", "key.der", "root.der", "config.json", "thing.json", "flash.img"}
    return sorted({path.name for path in folder.path.iterdir()} - made)


def ring_of(*payloads: bytes) -> bytes:
    """Return the first two blocks of a ring in which they wait."""
    cells = Flash("ring", Path())
    outbox = cells.opened()
    for payload in payloads:
        outbox.push("climate", 1, payload)
    return bytes(cells.cells[: 2 * BLOCK_BYTES])


def put_files(board: MockBoard, files: bytes, tmp_path: Path) -> None:
    """Write `files` to where a board that was flashed with FILES_LAST has its own."""
    put(board, {FILES_AT: files}, tmp_path)


def put(board: MockBoard, contents: dict[int, bytes], tmp_path: Path) -> None:
    """Write `contents`, by offset, to a board; by whatever it got there."""
    parts = []
    for offset, data in contents.items():
        path = tmp_path / f"{offset:x}.img"
        path.write_bytes(data)
        parts.append(Part(offset, path))
    connection = Connection(board.port, esptool.detect(board.port))
    esptool.write(connection, parts, erase=False, show=lambda _: None)


@pytest.mark.parametrize(
    ("rows", "place", "outbox_bytes"),
    [(SINCE_1_26, (0x200000, 0x170000), 0x60000), (OTA, (0x310000, 0xF0000), None)],
)
def test_the_files_lie_where_this_micropython_looks_for_them(
    rows: Rows,
    place: tuple[int, int],
    outbox_bytes: int | None,
    board: MockBoard,
    folder: ThingFolder,
) -> None:
    image = folder.path.parent / "micropython.bin"
    image.write_bytes(micropython_bin(ESP32, rows=rows))
    done = flashed(board, folder, image)
    offset, size_bytes = place
    assert (done.layout.files.offset, done.layout.files.size_bytes) == place
    outbox = done.layout.outbox
    assert (outbox.size_bytes if outbox else None) == outbox_bytes
    table = board.read(partition_table.OFFSET, partition_table.BYTES_MAX)
    assert partition_table.parse(table) == done.layout.partitions
    expected = firmware_image.build_image(*folder.image_parts(), size_bytes=size_bytes)
    assert board.read(offset, SOME_BYTES) == expected[:SOME_BYTES]
    assert strangers(folder) == []


@pytest.mark.usefixtures("impatient")
def test_a_plug_that_is_pulled_is_told_with_what_to_do_and_the_next_run_mends_it(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    with (
        pytest.raises(TidectlError, match="the board is half written") as caught,
        Plug(board.kill, "erasing the flash, then writing", 20) as progress,
    ):
        flash(board.port, folder, image, baud=BAUD, erase=True, progress=progress)
    assert AGAIN in caught.value.hint
    assert strangers(folder) == []
    with MockBoard(tmp_path, "esp32") as again:
        done = flashed(again, folder, image)
        assert again.read(done.layout.files.offset, 4096)[8:16] == b"littlefs"


def test_without_erasing_what_waits_on_the_board_goes_on_waiting(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    ran = with_outbox(firmware_image.build_image(*folder.image_parts()), **QUEUED)
    image.write_bytes(micropython_bin(ESP32, rows=FILES_LAST))
    put_files(board, ran, tmp_path)
    folder.config_path.write_text(folder.config_path.read_text().replace("home", "farm"))
    done = flashed(board, folder, image, erase=False)
    assert done.kept_batches == 2
    now = board.read(done.layout.files.offset, done.layout.files.size_bytes)
    assert queued_batches(now) == queued_batches(ran)
    assert b'"site": "farm"' in now
    assert strangers(folder) == []


def test_without_erasing_a_ring_stays_and_what_waits_in_it_is_counted(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    image.write_bytes(micropython_bin(ESP32, rows=(*SINCE_1_26, ROOM_FOR_A_RING)))
    layout = read_image(image).layout(FLASH_BYTES)
    assert layout.outbox
    ring = ring_of(b"first", b"second", b"third")
    files = firmware_image.build_image(*folder.image_parts(), size_bytes=layout.files.size_bytes)
    put(
        board,
        {
            partition_table.OFFSET: partition_table.build(layout.partitions),
            layout.files.offset: with_outbox(files, **QUEUED),
            layout.outbox.offset: ring,
        },
        tmp_path,
    )
    done = flashed(board, folder, image, erase=False)
    assert (done.layout, done.kept_batches) == (layout, 2 + 3)
    assert board.read(layout.outbox.offset, len(ring)) == ring


def test_ctrl_c_ends_the_writing_at_once_and_says_what_the_board_is_then(
    board: MockBoard, folder: ThingFolder, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Plug(press, "erasing", 20) as progress:
        flash(board.port, folder, image, baud=BAUD, erase=True, progress=progress)
    assert AGAIN in capsys.readouterr().err
    assert strangers(folder) == []
    running = [process.name() for process in psutil.Process().children(recursive=True)]
    assert not [name for name in running if name == "esptool"]


@pytest.mark.usefixtures("impatient")
def test_the_only_copy_of_an_outbox_outlives_a_plug_that_is_pulled(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    ran = with_outbox(firmware_image.build_image(*folder.image_parts()), **QUEUED)
    image.write_bytes(micropython_bin(ESP32, rows=FILES_LAST))
    put_files(board, ran, tmp_path)
    with (
        pytest.raises(TidectlError, match="half written"),
        Plug(board.kill, "writing", 55) as progress,
    ):
        flash(board.port, folder, image, baud=BAUD, erase=False, progress=progress)
    assert strangers(folder) == ["board.img", "board.table"]
    assert stat.S_IMODE((folder.path / "board.img").stat().st_mode) == 0o600
    with MockBoard(tmp_path, "esp32") as again:  # its flash is blank
        assert flashed(again, folder, image, erase=False).kept_batches == 2
    assert strangers(folder) == []


def test_without_erasing_a_board_of_another_thing_is_refused_and_left_alone(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    other = make_thing(Home(tmp_path / "home"), "board-2")
    image.write_bytes(micropython_bin(ESP32, rows=FILES_LAST))
    put_files(board, other.image_path.read_bytes(), tmp_path)
    with pytest.raises(TidectlError, match="belongs to thing board-2, not board-1") as caught:
        flashed(board, folder, image, erase=False)
    assert "--erase" in caught.value.hint
    assert board.read(FILES_AT, SOME_BYTES) == other.image_path.read_bytes()[:SOME_BYTES]
    assert strangers(folder) == []


def test_a_board_too_small_for_the_firmware_is_refused_before_anything_is_erased(
    board: MockBoard, folder: ThingFolder, image: Path, tmp_path: Path
) -> None:
    put_files(board, b"mine" * 1024, tmp_path)
    small = ("vfs", 1, 0x81, FILES_AT, 0x10000)
    image.write_bytes(micropython_bin(ESP32, rows=(*SINCE_1_26, small)))
    with pytest.raises(TidectlError, match="don't fit into the image"):
        flashed(board, folder, image)
    image.write_bytes(micropython_bin(ESP32, rows=(*SINCE_1_26, BEYOND_4_MIB)))
    with pytest.raises(TidectlError, match="8388608 bytes of flash, and the chip has 4194304"):
        flashed(board, folder, image)
    assert board.read(FILES_AT, 4096) == b"mine" * 1024


def test_a_configuration_that_only_suits_this_machine_is_told() -> None:
    config = {"broker": {"host": "127.0.0.1"}, "clock": {"sntp_host": None}}
    notes = hardware_notes(config)
    assert len(notes) == 3
    for note, word in zip(notes, ("wifi", "127.0.0.1", "sntp_host"), strict=True):
        assert word in note
    assert hardware_notes({"broker": {"host": "x.amazonaws.com"}, "wifi": {"ssid": "farm"}}) == []
