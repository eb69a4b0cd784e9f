"""The chip's clock is read and set as UTC, whatever its epoch."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tidenode.clock import FLOOR_MS
from tidenode.wall_clock import WallClock

EPOCH_2000_S = 946_684_800


@pytest.mark.parametrize("epoch", [1970, 2000])
@pytest.mark.parametrize(
    "utc_ms", [FLOOR_MS, 2_019_686_399_999, 2_085_978_496_001, 4_102_444_800_000]
)
def test_the_chips_clock_is_set_and_read_in_either_epoch(epoch: int, utc_ms: int) -> None:
    """The instants stand about 2034 (31 bits since 2000), 2036 (era of NTP) and 2100."""
    shift_s = EPOCH_2000_S if epoch == 2000 else 0
    chip = Chip(shift_s, utc_ms)
    wall = WallClock(chip, SimpleNamespace(RTC=lambda: chip))
    assert wall.read_ms() == utc_ms
    wall.set_ms(utc_ms)
    assert chip.was_set == (*time.gmtime(utc_ms // 1_000)[:3], *moment_of(utc_ms))


def moment_of(utc_ms: int) -> tuple[int, ...]:
    moment = time.gmtime(utc_ms // 1_000)
    return (moment.tm_wday, *moment[3:6], utc_ms % 1_000 * 1_000)


class Chip:
    """The modules `time` and `machine.RTC` of a port whose epoch is `shift_s` after 1970."""

    def __init__(self, shift_s: int, utc_ms: int) -> None:
        self.was_set: tuple[int, ...] | None = None
        self._shift_s, self._utc_ms = shift_s, utc_ms

    def gmtime(self, seconds: int) -> Any:
        return tuple(time.gmtime(seconds + self._shift_s))[:8]

    def time_ns(self) -> int:
        return (self._utc_ms - self._shift_s * 1_000) * 1_000_000

    def datetime(self, moment: tuple[int, ...]) -> None:
        self.was_set = moment
