"""Bound how often and how rarely a tag reports, whatever its rule says."""

from tidegate.errors import GateError
from tidegate.reduction.value import Value
from tidegate.reduction.verdict import Rule, Verdict

_NS_PER_MS = 1_000_000


class Interval:
    """`rule` with a least and a greatest distance in time between kept values.

    `max_ms`: a value is kept when the last one kept is that old, so that a flat line still
    proves that the device is there. `min_ms`: a value sooner than that after the last one kept
    is let go, but for a change of quality. A value let go so is offered to the rule all the
    same and is not forgotten: the first value after the pause is kept in its place. 0 is no
    bound. A clock that was set back bounds nothing: the first value after that is kept. Raises
    `GateError` for negative times or a least above the greatest.
    """

    def __init__(self, rule: Rule, *, min_ms: int = 0, max_ms: int = 0) -> None:
        if min_ms < 0 or max_ms < 0 or (max_ms and min_ms > max_ms):
            raise GateError(f"report every {min_ms} to {max_ms} ms: the least is above the most")
        self._rule = rule
        self._min_ns, self._max_ns = min_ms * _NS_PER_MS, max_ms * _NS_PER_MS
        self._kept_at_ns: int | None = None
        self._before_at_ns: int | None = None
        self._owed = False
        self._quality = -1

    def offer(self, at_ns: int, value: Value, quality: int) -> Verdict:
        """Judge by the rule, then by the clock."""
        verdict = self._rule.offer(at_ns, value, quality)
        changed, self._quality = quality != self._quality, quality
        kept = Verdict.NONE
        if verdict & Verdict.BEFORE and self._before_at_ns is not None:
            kept |= self._ask(Verdict.BEFORE, self._before_at_ns, must=changed)
        wanted = bool(verdict & Verdict.THIS) or self._owed or self._is_silent(at_ns)
        if wanted and self._ask(Verdict.THIS, at_ns, must=changed):
            self._rule.keep()
            kept |= Verdict.THIS
        self._before_at_ns = at_ns
        return kept

    def keep(self) -> None:
        """Count the silence from the value offered last."""
        self._rule.keep()
        self._kept_at_ns, self._owed = self._before_at_ns, False

    def _ask(self, verdict: Verdict, at_ns: int, *, must: bool) -> Verdict:
        is_free = must or self._kept_at_ns is None
        if not is_free and 0 <= at_ns - (self._kept_at_ns or 0) < self._min_ns:
            self._owed = True
            return Verdict.NONE
        self._kept_at_ns, self._owed = at_ns, False
        return verdict

    def _is_silent(self, at_ns: int) -> bool:
        if not self._max_ns or self._kept_at_ns is None:
            return False
        return not 0 <= at_ns - self._kept_at_ns < self._max_ns
