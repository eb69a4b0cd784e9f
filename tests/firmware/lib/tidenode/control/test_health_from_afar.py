"""What a board says of its health reaches the real local cloud, and a job reaches safe mode."""

from pathlib import Path
from typing import Any

from littlefs import LittleFS

from tests.firmware.lib.tidenode.control.controlled import LATE_S_MAX, SETTINGS, Controlled
from tests.firmware.lib.tidenode.test_health import (
    BME,
    CHIP,
    FAILS,
    HANGS,
    WATCHDOG_S,
    flash_of,
    with_driver,
)
from tidectl.simulated_board import RESET_EXIT_CODE, WATCHDOG_EXIT_CODE
from tidectl.target import Target
from tidenode import streak


def metric(one: Controlled, name: str) -> list[Any]:
    answer = one.iot.list_metric_values(
        thingName=one.thing, metricName=name, startTime=0, endTime=4_000_000_000
    )
    return [datum["value"]["number"] for datum in answer["metricDatumList"]]


def test_a_report_to_device_defender_is_taken(deployed: Target, tmp_path: Path) -> None:
    control = SETTINGS["control"] | {"defender_s": 300}
    with Controlled(deployed, tmp_path, "defended", control=control) as one:
        one.wait_for("a report", lambda: bool(metric(one, "heap_free_bytes")))
        assert metric(one, "heap_free_bytes")[0] > 1_000
        assert metric(one, "connects") == [1]
        assert "link failed" not in one.log()


def test_a_board_in_safe_mode_says_so_and_takes_a_job(deployed: Target, tmp_path: Path) -> None:
    one = Controlled(deployed, tmp_path, "fallen", **CHIP)
    with_driver(one.image_path, at_start=FAILS)
    one.board.start()
    assert one.board.wait(LATE_S_MAX) == RESET_EXIT_CODE
    with flash_of(one.image_path) as flash:
        fallen_so_often(flash)
    with one:
        one.wait_for("safe mode", lambda: one.reported("state").get("safe_mode") is True)
        assert one.ended(one.job({"operation": "diagnostics"}))[0] == "SUCCEEDED"
        assert one.board.stats
        assert (one.board.stats.sampled, one.board.stats.safe_mode) == (0, True)


def test_the_cloud_is_told_which_sensor_hung(deployed: Target, tmp_path: Path) -> None:
    measurements = [*CHIP["measurements"], BME]
    one = Controlled(deployed, tmp_path, "hung", measurements=measurements, watchdog_s=WATCHDOG_S)
    with_driver(one.image_path, HANGS)
    one.board.start()
    assert one.board.wait(LATE_S_MAX) == WATCHDOG_EXIT_CODE
    with one:
        one.wait_for("the sensor's name", lambda: bool(one.reported("state").get("left_out")))
        assert one.reported("state")["left_out"] == ["health"]
        one.wait_for("the others", lambda: one.sampled() > 10)


def fallen_so_often(flash: LittleFS) -> None:
    """Lay down the counts of a board that has started in vain often enough."""
    flash.open(f"/outbox/{2 + streak.STARTS_MAX}.boots", "wb").close()
    for name in flash.listdir("/health"):
        if name.endswith(".proved"):
            flash.rename(f"/health/{name}", "/health/1.proved")
