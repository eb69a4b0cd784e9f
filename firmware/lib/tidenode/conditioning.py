"""Correct readings, make several of them one sample, and hold back what tells nothing new.

Flow: sensor -> [calibrated] -> sampler -> [conditioner] -> batcher
Only measurements whose configuration has `fields` load this. Integers only. Bounded: the
readings of one sample, 64 at most. What is held back is counted in `held`.
"""

from tidenode.clock import SLEWED_MS_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.batcher import Batcher
    from tidenode.clock import Clock
    from tidenode.field_options import Conditions

    Values = Sequence[int | None]


class Calibrated:
    """A sensor whose fields are corrected by `polynomials`, as `field_options` has them."""

    def __init__(self, sensor: "Any", polynomials: "Any") -> None:
        self._sensor = sensor
        self._polynomials = polynomials
        for name in ("begin", "measure", "measure_ms_max", "observe"):
            if hasattr(sensor, name):
                setattr(self, name, getattr(sensor, name))

    def read(self) -> "Values":
        """Return the sensor's values, corrected; None stays None. Raises what the sensor does."""
        values = self._sensor.read()
        if len(values) != len(self._polynomials):
            return values  # type: ignore[no-any-return]  # the sampler will refuse it
        return [
            value if value is None or polynomial is None else corrected(value, polynomial)
            for value, polynomial in zip(values, self._polynomials)  # noqa: B905  # just checked
        ]


class Conditioner:
    """What `conditions` ask for, before `batcher`; the sampler calls `count` times a period.

    `rated(readings, count)` returns those to be merged, where their last value is a quality.
    """

    def __init__(
        self,
        *,
        batcher: "Batcher",
        conditions: "Conditions",
        period_ms: int,
        clock: "Clock",
        rated: "Callable[[list[Values], int], list[Values]] | None" = None,
    ) -> None:
        self.held = 0
        self.after = batcher
        self.fields = batcher.fields
        self.flush = batcher.flush
        self.flush_if_old = batcher.flush_if_old
        self._add = batcher.add
        self._bands = conditions.bands if any(conditions.bands) else None
        self._hows = conditions.hows
        self._count = conditions.count
        self._period_ms = period_ms
        self._part_ms = period_ms // conditions.count
        self._clock = clock
        self._rated = rated
        self._readings: list[Values] = []
        self._read_at_ms = self._read_monotonic_ms = 0  # the time of the newest
        self._window = 0
        self._origin_ms = 0
        self._kept: list[int | None] | None = None
        self._kept_at_ms = 0

    def add(self, time_ms: int, values: "Values") -> bool:
        """Take one reading; return whether a sample went to the batcher.

        A sample is of the readings of one period, and has the time of the last of them.
        """
        now_ms = self._clock.monotonic_ms()
        if self._count == 1:
            return self._decide(time_ms, values, now_ms)
        if not self._readings and not self._window:
            self._origin_ms, self._window = now_ms, 1
        # A reading comes a little after its time, and may come before it, by the first one's.
        since_ms = now_ms - self._origin_ms + self._part_ms // 2
        window = since_ms // self._period_ms + 1
        went = False
        if self._readings and window != self._window:  # its last reading never came
            shift_ms = (time_ms - now_ms) - (self._read_at_ms - self._read_monotonic_ms)
            if abs(shift_ms) > SLEWED_MS_MAX:  # the clock was set since
                self._read_at_ms += shift_ms
            went = self._merge(now_ms)
        self._window = window
        self._readings.append(values)
        self._read_at_ms, self._read_monotonic_ms = time_ms, now_ms
        if not went and since_ms % self._period_ms >= self._period_ms - self._part_ms:
            went = self._merge(now_ms)
        return went

    def _merge(self, now_ms: int) -> bool:
        readings, self._readings = self._readings, []
        if self._rated:
            readings = self._rated(readings, self._count)
        values = [
            merged([reading[number] for reading in readings], how)
            for number, how in enumerate(self._hows)
        ]
        return self._decide(self._read_at_ms, values, now_ms)

    def _decide(self, time_ms: int, values: "Values", now_ms: int) -> bool:
        kept = self._kept
        if self._bands and kept is not None:
            # Deadlines come a little early or late: what is nearer than half a period is there.
            since_ms = now_ms - self._kept_at_ms + self._period_ms // 2
            for number, band in enumerate(self._bands):
                if band and passes(values[number], kept[number], since_ms, band):
                    break
            else:
                self.held += 1
                return False
        self._kept = list(values)
        self._kept_at_ms = now_ms
        self._add(time_ms, values)
        return True


def corrected(value: int, polynomial: "tuple[tuple[int, ...], int]") -> int:
    """Return the polynomial of `value`, rounded, halves up."""
    numerators, denominator = polynomial
    result = 0
    for at in range(len(numerators) - 1, -1, -1):
        result = result * value + numerators[at]
    return (result + denominator // 2) // denominator


def merged(values: "Values", how: "str | None") -> "int | None":
    """Return one value of those that are not None; without `how`, the last."""
    there = [value for value in values if value is not None]
    if how is None or not there:
        return values[-1]
    if how == "min":
        return min(there)
    if how == "max":
        return max(there)
    count = len(there)
    if how == "mean":
        return (sum(there) + count // 2) // count
    there.sort()
    return (there[(count - 1) // 2] + there[count // 2] + 1) // 2


def passes(
    value: "int | None", kept: "int | None", since_ms: int, band: "tuple[int, int, int, int, int]"
) -> bool:
    """Return whether `value`, `since_ms` after `kept` was, is one to keep."""
    left, right, relative, shortest_ms, longest_ms = band
    if longest_ms and since_ms >= longest_ms:
        return True
    if since_ms < shortest_ms:
        return False
    if not left:
        return shortest_ms > 0  # all that is so late
    if value is None or kept is None:
        return value is not kept
    return abs(value - kept) * left > right + abs(kept) * relative
