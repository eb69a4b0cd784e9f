"""From a chip in its boot loader to a whole audit: flash, read back, boot, claim, send.

The chip's flash is esp32-mock-bootloader's, written by esptool at a PTY; what is read back from
it is the flash that the stand-in for a board boots, with MicroPython's prompt at its own PTY.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.firmware.standin import StandIn
from tests.line.line import Line, wait_until
from tests.tools.tidectl.micropython_bin import SINCE_1_26, micropython_bin, without_table
from tests.tools.tidectl.mock_board import MockBoard
from tidectl import partition_table
from tidectl.boards import board_named
from tidectl.firmware_image import image_of, save_image
from tidectl.simulated_board import outbox_partition
from tidectl.thing import ThingFolder

THING, SITE = "flashed-1", "farm"
SETTINGS: dict[str, Any] = {
    "measurements": [{"name": "health", "driver": "chip", "period_ms": 100}],
    "batch": {"age_ms_max": 500},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500, "ack_timeout_ms": 2_000},
    "clock": {"sntp_host": None},
}
CLAIMED_S_MAX = 60.0
SAMPLES = 30
RING_MAGIC = b"GT"


def tidectl(line: Line, *arguments: str) -> Any:
    """Return what `tidectl ... --json` answers."""
    command = [sys.executable, "-m", "tidectl", "--home", str(line.home.path), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_board_is_flashed_read_back_booted_claimed_and_loses_nothing(
    line: Line, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(SETTINGS))
    tidectl(line, "provision", THING, "--claim", "--site", SITE, "--config", str(config))
    folder = ThingFolder(line.home.thing_folder(THING))
    kind = board_named("esp32")
    image = tmp_path / "micropython.bin"
    image.write_bytes(micropython_bin(kind))

    flash = tmp_path / "flash.img"
    with MockBoard(tmp_path, "esp32") as chip:
        facts = tidectl(line, "flash", chip.port, THING, "--image", str(image))
        micropython = chip.read(kind.image_offset, facts["image_bytes"])
        files = chip.read(facts["files_offset"], facts["files_bytes"])
        outbox = chip.read(facts["outbox_offset"], facts["outbox_bytes"])
    assert without_table(micropython, kind) == without_table(image.read_bytes(), kind)
    assert_table(micropython[partition_table.OFFSET - kind.image_offset :], facts)
    assert files == image_of(folder.files(), facts["files_bytes"])
    assert outbox == b"\xff" * facts["outbox_bytes"]
    assert not folder.key_path.exists()  # the board makes it

    save_image(flash, files)
    save_image(outbox_partition(flash), outbox)
    with StandIn(flash) as board:
        board.wait_for_resets(2)  # with a key, and with an identity
        wait_for_samples(line, SAMPLES)
        synced = tidectl(line, "sync", board.port, THING)
        assert not [path for path in synced["copied"] if path.endswith((".mpy", ".der", ".py"))]
        wait_for_samples(line, line.ledger_samples()[THING] + SAMPLES)  # its next boot
    assert outbox_partition(flash).read_bytes()[:2] == RING_MAGIC
    verdict = line.audit()
    assert (verdict["things"], verdict["lost"], verdict["duplicated"]) == (1, 0, 0), verdict
    assert (verdict["set_aside"], verdict["failed"]) == (0, 0), verdict


def assert_table(table: bytes, facts: dict[str, Any]) -> None:
    """Assert that the table has MicroPython's partitions, and files and outbox behind them."""
    places = {one.label: (one.offset, one.size_bytes) for one in partition_table.parse(table)}
    assert places.keys() == {row[0] for row in SINCE_1_26} | {"vfs", "outbox", "romfs"}
    assert places["vfs"] == (facts["files_offset"], facts["files_bytes"])
    for name in ("outbox", "romfs"):
        assert places[name] == (facts[f"{name}_offset"], facts[f"{name}_bytes"])


def wait_for_samples(line: Line, count: int) -> None:
    wait_until(
        f"{count} samples of {THING}",
        lambda: line.ledger_samples().get(THING, 0) >= count,
        within_s=CLAIMED_S_MAX,
    )
