"""Keep a value when it is far enough from the last one kept."""

from math import isfinite

from tidegate.errors import GateError
from tidegate.reduction.on_change import OnChange
from tidegate.reduction.value import Value, number_of
from tidegate.reduction.verdict import Verdict


class Deadband:
    """A deadband of `width`, in the unit of the value.

    A value is kept when it is more than `width` away from the last one kept: between two kept
    values whoever holds the last one is never wrong by more than `width`. Texts and switches
    have no distance: they are kept when they change. Raises `GateError` for a width that is
    negative or not finite.
    """

    def __init__(self, width: float) -> None:
        if not (isfinite(width) and width >= 0):
            raise GateError(f"a deadband is {width}, it must be 0 or more")
        self.width = width
        self._kept: float | None = None
        self._last: float | None = None
        self._quality = -1
        self._others = OnChange()  # for what has no distance

    @classmethod
    def of_range(cls, percent: float, low: float, high: float) -> "Deadband":
        """Return a deadband of `percent` of the range `low` to `high` of a tag."""
        return cls(width_of_range(percent, low, high))

    def offer(self, at_ns: int, value: Value, quality: int) -> Verdict:
        """Keep the value where it left the band, or where its kind or quality changed."""
        number = self._last = number_of(value)
        if number is None:
            self._kept = None
            return self._others.offer(at_ns, value, quality)
        if self._kept is not None and quality == self._quality:
            # Infinity less itself is no number: equal is near, whatever it is.
            if number == self._kept or abs(number - self._kept) <= self.width:
                return Verdict.NONE
        else:
            self._others = OnChange()
        self._kept, self._quality = number, quality
        return Verdict.THIS

    def keep(self) -> None:
        """Put the middle of the band on the value offered last."""
        if self._last is None:
            self._others.keep()
        self._kept = self._last


def width_of_range(percent: float, low: float, high: float) -> float:
    """Return `percent` of the range `low` to `high`; raises `GateError` for what is none."""
    if not (isfinite(low) and isfinite(high) and low < high):
        raise GateError(f"a range is {low} to {high}: a share of it in percent needs one")
    if not 0 <= percent <= 100:  # noqa: PLR2004  percent
        raise GateError(f"{percent} percent of a range, it must be 0 to 100")
    return percent / 100 * (high - low)
