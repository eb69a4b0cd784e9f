"""Keep the corners of a curve, so that straight lines between them stay within a tolerance.

The swinging door of E. H. Bristol (US patent 4,669,097, expired): from the last value kept, a
corridor of slopes reaches every later value within the tolerance. Each value narrows it; the
first value that would close it shows that the one before it was a corner.
"""

from math import isfinite

from tidegate.errors import GateError
from tidegate.reduction.on_change import OnChange
from tidegate.reduction.value import Value, number_of
from tidegate.reduction.verdict import Verdict


class SwingingDoor:
    """A swinging door of `tolerance`, in the unit of the value.

    The straight line between two neighbouring kept values is never more than `tolerance` away
    from a value between them. That holds for the values offered, and not only for the corridor:
    a value is let go only while the line from the last kept value to the newest one passes every
    value between them. Raises `GateError` for a tolerance that is negative or not finite.
    """

    def __init__(self, tolerance: float) -> None:
        if not (isfinite(tolerance) and tolerance >= 0):
            raise GateError(f"a swinging door's tolerance is {tolerance}, it must be 0 or more")
        self.tolerance = tolerance
        self._quality = -1
        self._others = OnChange()  # for what has no slope
        self._corner: tuple[int, float] | None = None
        self._before: tuple[int, float] | None = None  # offered last, if not kept
        self._last: tuple[int, float] | None = None
        self._lowest = self._highest = 0.0  # slopes, per nanosecond

    def offer(self, at_ns: int, value: Value, quality: int) -> Verdict:
        """Keep the value before this one where the door closes on it."""
        number = number_of(value)
        if number is None or not isfinite(number):
            return self._leave(at_ns, value, quality)
        self._last = (at_ns, number)
        if self._corner is None or quality != self._quality:
            verdict = Verdict.THIS | (Verdict.BEFORE if self._before else Verdict.NONE)
            self._quality, self._others = quality, OnChange()
            self._turn_at(self._last)
            return verdict
        since_ns, rise = at_ns - self._corner[0], number - self._corner[1]
        if since_ns <= 0:  # a second value of one instant has no slope
            self._turn_at(self._last)
            return Verdict.THIS
        verdict = Verdict.NONE
        # A corner alone lets every slope pass, so there is a value before where one does not.
        if self._before and not self._lowest <= rise / since_ns <= self._highest:
            verdict = Verdict.BEFORE
            since_ns, rise = at_ns - self._before[0], number - self._before[1]
            self._turn_at(self._before)
            if since_ns <= 0:
                self._turn_at(self._last)
                return verdict | Verdict.THIS
        self._lowest = max(self._lowest, (rise - self.tolerance) / since_ns)
        self._highest = min(self._highest, (rise + self.tolerance) / since_ns)
        self._before = self._last
        return verdict

    def keep(self) -> None:
        """Make a corner of the value offered last."""
        if self._last is None:
            self._others.keep()
        else:
            self._turn_at(self._last)

    def _leave(self, at_ns: int, value: Value, quality: int) -> Verdict:
        """A value without a number ends the curve: what was there before is its end."""
        verdict = Verdict.BEFORE if self._before else Verdict.NONE
        self._corner = self._before = self._last = None
        return verdict | self._others.offer(at_ns, value, quality)

    def _turn_at(self, corner: tuple[int, float]) -> None:
        self._corner, self._before = corner, None
        self._lowest, self._highest = float("-inf"), float("inf")
