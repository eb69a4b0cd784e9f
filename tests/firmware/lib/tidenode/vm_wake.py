"""What a wake takes from drivers, which are written by users."""

import sys

from tidenode.sleep import wake
from tidenode.sleep.memory import Memory

NOW_MS = 1_790_000_000_000


class Odd:
    """A module of a driver, and its sensor: it answers `values`."""

    OPTIONS = ()

    def __init__(self, values):
        self.values = values

    def create(self, _options, _hardware):
        return self

    def read(self):
        return self.values


async def test_what_no_batch_can_hold_is_no_sample_and_a_bad_one_where_that_is_asked_for():
    answers = [(1 << 63,), (-(1 << 63) - 1,), (1.5,), (True,), (1, 2), (), 5, None, (1 << 62,)]
    for quality in ([], [1]):
        measurements = []
        for number, values in enumerate(answers):
            sys.modules["tidenode.drivers.odd%d" % number] = Odd(values)
            measurements.append(["odd%d" % number, {}, 1, 1])
            measurements[-1].extend(quality)
        memory = Memory({"period_s": 60, "wakes_per_upload": 9, "measurements": measurements})
        wake.sample(memory, None, lambda: NOW_MS, lambda: None)
        good = len(answers) - 1
        kept = [(number, NOW_MS, [None]) for number in range(good) if quality]
        kept.append((good, NOW_MS, [1 << 62]))
        assert list(memory.all()) == kept
