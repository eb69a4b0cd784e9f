"""After a fault that no stage could handle the board starts anew."""

import time

from tests.firmware.lib.tidenode.bench import Bench
from tests.firmware.lib.tidenode.image_files import change_files
from tidectl.simulated_board import RESET_EXIT_CODE

FAULT_PAUSE_S = 5.0
BOOT_S_MAX = 40.0


def test_a_fault_is_told_and_ends_in_a_reset_after_a_pause(tmp_path) -> None:
    with Bench(tmp_path) as bench:
        image = bench.image()
        change_files(image, {"/outbox": b"no folder"})
        began = time.monotonic()
        board = bench.board(image)
        assert board.wait(BOOT_S_MAX) == RESET_EXIT_CODE
        assert time.monotonic() - began >= FAULT_PAUSE_S
        assert "Traceback" in bench.log()
        assert board.last_log_line() == "OSError: 20"
