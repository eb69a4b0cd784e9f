"""From notifications to samples: who keeps the last value of every tag.

A subscription tells a value only when it has changed, so at the instant of a notification every
other tag still has the value it told last. Pure. Flow: notifications -> [changes] -> samples.
Bounded: a group has one last value a tag; a publish response gives a sample for each instant in
it at most.
"""

from collections.abc import Iterable

from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample, Value

Change = tuple[int, int, Value, int]  # position of the tag, instant in ns, value, quality


class Changes:
    """The last values of one group.

    A sample's instants do not descend: what comes late takes the instant of the sample before it,
    counted in `late`.
    """

    def __init__(self, group: Group, merge_ns: int) -> None:
        self.late = 0
        self._group, self._merge_ns = group, merge_ns
        self._values: list[Value] = [None] * len(group.tags)
        self._qualities = bytearray([Quality.BAD] * len(group.tags))
        self._last_ns = 0

    def take(self, changes: Iterable[Change], received_at_ns: int) -> list[Sample]:
        """Return a sample for each instant in `changes`, in order of time."""
        samples: list[Sample] = []
        began_ns: int | None = None
        at_ns = 0
        for place, change_ns, value, quality in sorted(changes, key=lambda change: change[1]):
            if began_ns is not None and change_ns - began_ns > self._merge_ns:
                samples.append(self._sample(at_ns, received_at_ns))
                began_ns = None
            if began_ns is None:
                began_ns = change_ns
            at_ns = change_ns
            self._values[place] = value
            self._qualities[place] = quality
        if began_ns is not None:
            samples.append(self._sample(at_ns, received_at_ns))
        return samples

    def lose(self, at_ns: int) -> Sample | None:
        """Return the sample that says that nothing is known any more; None if it was said."""
        if all(quality == Quality.BAD for quality in self._qualities):
            return None
        self._values = [None] * len(self._values)
        self._qualities = bytearray([Quality.BAD] * len(self._values))
        return self._sample(at_ns, at_ns)

    def _sample(self, at_ns: int, received_at_ns: int) -> Sample:
        if at_ns < self._last_ns:
            self.late += 1
            at_ns = self._last_ns
        self._last_ns = at_ns
        qualities = bytes(self._qualities)
        return Sample(
            self._group,
            at_ns,
            received_at_ns,
            tuple(self._values),
            qualities if any(qualities) else None,
        )
