"""The last minutes of each field, for plots; nothing of it is on the disk.

Bounded: `POINTS_MAX` points of `FIELDS_MAX` fields, 16 bytes each, some 5 MB at most; further
fields have no plot. A point a second at most, whatever the period is.
"""

from array import array
from collections.abc import Sequence

from tidegate.status_page.snapshot import GroupState
from tidegate.stream import Value

POINTS_MAX = 600
FIELDS_MAX = 500
STEP_MS_MIN = 1_000
BACK_MS_MAX = 10_000  # a source's instants may go back a little; a clock that was set goes more

Key = tuple[str, str, str]  # thing, measurement, field


class _Ring:
    def __init__(self) -> None:
        self.times_ms = array("q")
        self.values = array("d")
        self.at = 0  # of the oldest, once it is full

    def add(self, at_ms: int, value: float) -> None:
        if len(self.values) < POINTS_MAX:
            self.times_ms.append(at_ms)
            self.values.append(value)
            return
        self.times_ms[self.at], self.values[self.at] = at_ms, value
        self.at = (self.at + 1) % POINTS_MAX

    def newest_ms(self) -> int:
        return self.times_ms[self.at - 1] if self.times_ms else 0

    def points(self) -> list[tuple[int, float]]:
        pairs = list(zip(self.times_ms, self.values, strict=True))
        return pairs[self.at :] + pairs[: self.at]


class History:
    """Rings of points by field."""

    def __init__(self) -> None:
        self._rings: dict[Key, _Ring] = {}

    def take(self, groups: Sequence[GroupState]) -> None:
        """Take the newest values of `groups`, those that are numbers."""
        for group in groups:
            for one in group.fields:
                number = _number(one.value)
                if number is None or not group.at_ms:
                    continue
                key = (group.thing, group.measurement, one.name)
                ring = self._rings.get(key)
                if ring is None:
                    if len(self._rings) >= FIELDS_MAX:
                        continue
                    ring = self._rings[key] = _Ring()
                passed_ms = group.at_ms - ring.newest_ms()
                if passed_ms < -BACK_MS_MAX:
                    ring = self._rings[key] = _Ring()  # the clock was set back
                if passed_ms >= STEP_MS_MIN or passed_ms < -BACK_MS_MAX:
                    ring.add(group.at_ms, number)

    def points(self, key: Key) -> list[tuple[int, float]]:
        """Return (epoch ms, value) of a field, oldest first; none of one that has no plot."""
        ring = self._rings.get(key)
        return ring.points() if ring else []

    def all_points(self, newest: int) -> list[tuple[Key, list[tuple[int, float]]]]:
        """Return the `newest` points of each field."""
        return [(key, ring.points()[-newest:]) for key, ring in self._rings.items()]


def _number(value: Value) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float) or value - value != 0:  # infinite, or no number
        return None
    return float(value)
