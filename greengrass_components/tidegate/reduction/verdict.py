"""What a report rule says of a value: whether it is kept, and whether the one before it is.

A rule sees the values of one tag, one after the other. Most rules decide at once; the swinging
door finds out with the next value that the one before it was needed. So a rule answers for two
values, and whoever asks holds one sample back.
"""

from enum import IntFlag
from typing import Protocol

from tidegate.reduction.value import Value


class Verdict(IntFlag):
    """Which values to keep; of no rule's business is what becomes of them."""

    NONE = 0
    THIS = 1  # the value just offered
    BEFORE = 2  # the value offered before it, unless it was kept already


class Rule(Protocol):
    """A report rule of one tag; it has state, so each tag has its own."""

    def offer(self, at_ns: int, value: Value, quality: int) -> Verdict:
        """Judge the next value; instants (epoch nanoseconds) do not descend.

        `quality` is a `tidegate.quality.Quality`; a value of another quality than the one before
        it is always kept, and so is a missing one (None) after one that was there.
        """
        ...

    def keep(self) -> None:
        """Take note that the value offered last is kept, for a reason that is not the rule's."""
        ...
