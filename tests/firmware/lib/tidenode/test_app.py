"""How a board starts: with what it is told, or not at all and with a reason."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tidectl.simulated_board import RESET_EXIT_CODE

BOOT_S_MAX = 30.0


def spoil(image: Path, good: bytes, bad: bytes) -> Path:
    """Put `bad` where `good` stands on the flash, once and of the same length."""
    flash = image.read_bytes()
    assert (flash.count(good), len(good)) == (1, len(bad))
    image.write_bytes(flash.replace(good, bad))
    return image


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (b'"ack_timeout_ms"', b'"ack_timeout_s_"', "link.ack_timeout_s_: unknown key"),
        (b'"bme280"', b'"bme290"', "measurements[0].driver: there is no driver 'bme290'"),
        (b'"thing": "board-1"', b'"thing": "board/1"', "thing: "),
        (b'"measurements"', b'"measurement_"', "measurements: must be a list of 1 to 16"),
        (b'{\n "broker"', b'x\n "broker"', "not JSON"),
    ],
)
def test_a_mistake_in_the_configuration_ends_in_a_message_and_in_no_reset(
    bench: Bench, good: bytes, bad: bytes, message: str
) -> None:
    board = bench.board(spoil(bench.image(), good, bad))
    code = board.wait(BOOT_S_MAX)
    assert code not in (0, RESET_EXIT_CODE)
    assert "ConfigError: config.json: " in board.last_log_line()
    assert message in board.last_log_line()


def test_all_mistakes_of_a_configuration_are_told_at_boot(bench: Bench) -> None:
    image = spoil(bench.image(), b'"ack_timeout_ms"', b'"ack_timeout_s_"')
    board = bench.board(spoil(image, b'"period_ms"', b'"period_s_"'))
    assert board.wait(BOOT_S_MAX) == 1
    for mistake in (
        "link.ack_timeout_s_",
        "measurements[0].period_s_",
        "measurements[0].period_ms",
    ):
        assert mistake in board.last_log_line()


def test_a_boot_is_counted_even_if_nothing_comes_of_it(bench: Bench) -> None:
    image = bench.image()
    for boot in (1, 2, 3):
        board = bench.board(image)
        assert board.wait_for(lambda _: True, LATE_S_MAX).boot == boot
        board.kill()
        board.wait()


def test_a_sensor_that_is_not_there_is_told_and_the_others_go_on(bench: Bench) -> None:
    bench.broker.resume()
    measurements = [
        {"name": "attic", "driver": "bme280", "period_ms": 10},
        {"name": "health", "driver": "chip", "period_ms": 10},
    ]
    board = bench.board(measurements=measurements, absent=["attic"])
    bench.wait_for_batches(3)
    stats = bench.end(board)
    assert {batch.measurement for batch in bench.batches()} == {"health"}
    assert bench.log().count("sensor failed measurement=attic") == 1
    bench.assert_whole(stats)
