"""Notice that two outboxes have batches of one thing, which each of them numbers for itself.

Pure. A thing that was given to another component goes from one outbox to the other, once; that of
two components comes from one, the other, and the first again. Bounded: `THINGS_MAX` things are
looked at.
"""

THINGS_MAX = 100_000


class ThingOwners:
    """Where each thing came from; `shared` has those that came from two outboxes in turn."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._before: dict[str, set[str]] = {}
        self.shared: dict[str, frozenset[str]] = {}

    def note(self, thing: str, outbox: str) -> bool:
        """Take note of a batch; returns whether it shows that `thing` is shared, for once."""
        last = self._last.get(thing)
        if last == outbox:
            return False
        if last is None:
            if len(self._last) < THINGS_MAX:
                self._last[thing] = outbox
            return False
        before = self._before.setdefault(thing, set())
        before.add(last)
        self._last[thing] = outbox
        if outbox not in before or thing in self.shared:
            return False
        self.shared[thing] = frozenset((*before, outbox))
        return True
