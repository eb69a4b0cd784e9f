"""When each group of a bus is due: absolute deadlines, spread over their period.

Pure: instants (seconds of a clock that never goes back) in, the next group out. A deadline stays
on its grid however late the one before it was; a group that is a whole period late skips what it
missed, and that is counted.
"""

import heapq
from collections.abc import Iterable, Sequence


class Schedule:
    """The groups are named by their place in `periods_s`."""

    def __init__(self, periods_s: Sequence[float], start_s: float) -> None:
        self._periods_s = list(periods_s)
        self._due_s = [start_s + phase for phase in phases(periods_s)]
        self._heap = [(due_s, place) for place, due_s in enumerate(self._due_s)]
        heapq.heapify(self._heap)
        self.overruns = [0] * len(periods_s)

    def next(self) -> tuple[float, int]:
        """Return when the next group is due, and its place. There is one at least."""
        return self._heap[0]

    def done(self, now_s: float, stretch: float = 1.0) -> int:
        """Note that the next group was read; returns how many deadlines it has missed.

        `stretch` makes this one period longer, 1.0 or more, when the disk can't keep up.
        """
        due_s, place = self._heap[0]
        period_s = self._periods_s[place] * stretch
        next_s = due_s + period_s
        missed = max(0, int((now_s - next_s) / period_s)) if now_s > next_s else 0
        self._move(place, next_s + missed * period_s)
        self.overruns[place] += missed
        return missed

    def put_off(self, until_s: float) -> None:
        """Skip deadlines of the next group before `until_s`; they don't count as missed."""
        due_s, place = self._heap[0]
        period_s = self._periods_s[place]
        steps = max(1, -int(-(until_s - due_s) // period_s))
        self._move(place, due_s + steps * period_s)

    def _move(self, place: int, due_s: float) -> None:
        self._due_s[place] = due_s
        heapq.heapreplace(self._heap, (due_s, place))


def phases(periods_s: Iterable[float]) -> list[float]:
    """Return a phase for each: those of one period are spread over it evenly.

    So requests go out one by one, and a bus is not asked for all its values at each full second.
    """
    periods = list(periods_s)
    counts: dict[float, int] = {}
    places = []
    for period_s in periods:
        places.append(counts.get(period_s, 0))
        counts[period_s] = places[-1] + 1
    return [
        period_s * place / counts[period_s] for period_s, place in zip(periods, places, strict=True)
    ]
