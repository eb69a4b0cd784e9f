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

STEP_NS = 1_000_000_000  # a tag's instants do not go back by more, unless its clock does
LAG_NS_MAX = 60_000_000_000  # behind what was told by another clock, so that order is kept


class Changes:
    """The last values of one group.

    A sample's instants do not descend while the clock of their source does not: what comes late
    takes the instant of the sample before it, counted in `late`. A tag whose own instants go back
    says that the clock was set back, counted in `steps`: samples have the new time from then on.
    """

    def __init__(self, group: Group, merge_ns: int) -> None:
        self.late = self.steps = 0
        self._group, self._merge_ns = group, merge_ns
        self._values: list[Value] = [None] * len(group.tags)
        self._qualities = bytearray([Quality.BAD] * len(group.tags))
        self._told_ns: list[int | None] = [None] * len(group.tags)
        self._last_ns = 0  # by the source's clock
        self._floor_ns = 0  # by the clock of who told of a loss

    def take(self, changes: Iterable[Change], received_at_ns: int) -> list[Sample]:
        """Return a sample for each instant in `changes`, in order of time.

        The changes of one tag are in the order in which they happened.
        """
        samples: list[Sample] = []
        began_ns: int | None = None
        at_ns = epoch_before = 0
        is_new = False
        for epoch, change, news in self._ordered(changes):
            place, change_ns, value, quality = change
            is_apart = epoch != epoch_before or (
                began_ns is not None and change_ns - began_ns > self._merge_ns
            )
            if began_ns is not None and is_apart:
                samples.append(self._sample(at_ns, received_at_ns, is_new=is_new))
                began_ns, is_new = None, False
            if epoch != epoch_before and change_ns < self._last_ns - STEP_NS:
                self.steps += 1
                self._last_ns = self._floor_ns = 0
            epoch_before = epoch
            if began_ns is None:
                began_ns = change_ns
            at_ns, is_new = change_ns, is_new or news
            self._values[place] = value
            self._qualities[place] = quality
        if began_ns is not None:
            samples.append(self._sample(at_ns, received_at_ns, is_new=is_new))
        return samples

    def lose(self, at_ns: int, received_at_ns: int) -> Sample | None:
        """Return the sample that says that nothing is known any more; None if it was said."""
        if not self._is_known:
            return None
        self._values = [None] * len(self._values)
        self._qualities = bytearray([Quality.BAD] * len(self._values))
        return self._told_here(at_ns, received_at_ns)

    def again(self, at_ns: int, received_at_ns: int) -> Sample | None:
        """Return a sample that says that nothing has changed; None where nothing is known."""
        return self._told_here(at_ns, received_at_ns) if self._is_known else None

    @property
    def _is_known(self) -> bool:
        return any(quality != Quality.BAD for quality in self._qualities)

    def _ordered(self, changes: Iterable[Change]) -> list[tuple[int, Change, bool]]:
        """Return changes in order of time, with how often the clock went back before each, and
        whether it is new, or only told again."""
        epochs = [0] * len(self._told_ns)
        found = []
        for change in changes:
            place, at_ns = change[:2]
            told_ns = self._told_ns[place]
            if told_ns is not None and at_ns < told_ns - STEP_NS:
                epochs[place] += 1
            self._told_ns[place] = at_ns
            found.append((epochs[place], change, told_ns is not None and at_ns != told_ns))
        return sorted(found, key=lambda one: (one[0], one[1][1]))

    def _told_here(self, at_ns: int, received_at_ns: int) -> Sample:
        """Return a sample whose instant is not the source's, and binds its samples for a while."""
        self._floor_ns = max(at_ns, self._last_ns)
        return self._made(self._floor_ns, received_at_ns)

    def _sample(self, at_ns: int, received_at_ns: int, *, is_new: bool) -> Sample:
        if at_ns < self._last_ns:
            self.late += 1
            at_ns = self._last_ns
        self._last_ns = at_ns
        if at_ns < self._floor_ns and not (is_new and at_ns < self._floor_ns - LAG_NS_MAX):
            at_ns = self._floor_ns
        return self._made(at_ns, received_at_ns)

    def _made(self, at_ns: int, received_at_ns: int) -> Sample:
        qualities = bytes(self._qualities)
        return Sample(
            self._group,
            at_ns,
            received_at_ns,
            tuple(self._values),
            qualities if any(qualities) else None,
        )
