"""Settings from afar that only a start can find wrong, on the real VM."""

import json

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tidectl.simulated_board import RESET_EXIT_CODE

DELTA = "$aws/things/board-1/shadow/name/config/update/delta"
CLIMATE = {"name": "climate", "driver": "bme280", "period_ms": 10}
ELSEWHERE = {"name": "shed", "driver": "sht3x", "period_ms": 1_000, "scl_pin": 5}


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"measurements": [CLIMATE, ELSEWHERE]}, b"I2C bus 0: on pins"),
        ({"clock": {"sntp_host": "no.such.host.invalid"}}, b"did not connect"),
    ],
)
def test_settings_that_only_a_start_can_find_wrong_are_taken_back(
    bench: Bench, wanted: dict[str, object], why: bytes
) -> None:
    bench.broker.resume()
    board = bench.board(control={"trial_s": 5})
    bench.wait_for_batches(1)
    bench.broker.say(DELTA, json.dumps({"version": 7, "state": wanted}).encode(), 1)
    for _ in range(2):  # to try them, and to be without them
        assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE, bench.log()[-1_000:]
        board.start()
    refused = bench.broker.wait_for(
        lambda: any(why in one.payload for one in bench.broker.said), LATE_S_MAX
    )
    assert refused, bench.log()[-1_000:]
    bench.wait_for_batches(5)
    assert bench.end(board).queued_batches == 0
