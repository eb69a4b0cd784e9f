"""After a fault that no stage could handle the board starts anew."""

import time

from tests.firmware.lib.tidenode.bench import Bench
from tidectl.simulated_board import RESET_EXIT_CODE

FAULT_PAUSE_S = 5.0
BOOT_S_MAX = 40.0


def test_a_fault_is_told_and_ends_in_a_reset_after_a_pause(tmp_path) -> None:
    with Bench(tmp_path) as bench:
        image = bench.image()
        certificate = bench.thing.certificate_der()
        flash = image.read_bytes()
        assert flash.count(certificate[:256]) == 1
        image.write_bytes(flash.replace(certificate[:256], bytes(256)))
        began = time.monotonic()
        board = bench.board(image)
        assert board.wait(BOOT_S_MAX) == RESET_EXIT_CODE
        assert time.monotonic() - began >= FAULT_PAUSE_S
        assert "Traceback" in bench.log()
        assert board.last_log_line() == "ValueError: invalid cert"
